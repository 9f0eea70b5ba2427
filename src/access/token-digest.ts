/**
 * Tokens as the server knows them: only their SHA-256.
 *
 * A token has 256 random bits, so that a fast hash is enough: nobody can try them all. Cost: less
 * than a microsecond with `crypto.hash`, four with `createHash` on runtimes that do not have it.
 */
import crypto from "node:crypto";

const TOKEN_BYTES = 32;
/** 32 bytes in base64, with padding. */
const DIGEST_CHARACTERS = 44;
/** Begins every token that the cache makes, so that scanners for secrets find it in texts. */
const PREFIX = "flame_";

/** A new token: `flame_` and 43 characters. */
export function makeToken(): string {
  return PREFIX + crypto.randomBytes(TOKEN_BYTES).toString("base64url");
}

/** The SHA-256 of a token in base64, which is the fastest form to make. */
export const digestOf: (token: string) => string =
  typeof crypto.hash === "function"
    ? (token) => crypto.hash("sha256", token, "base64")
    : (token) => crypto.createHash("sha256").update(token).digest("base64");

/** The same digest as `sha256sum` prints it. */
export function formatDigest(digest: string): string {
  return Buffer.from(digest, "base64").toString("hex");
}

export function parseDigest(hex: string): string {
  return Buffer.from(hex, "hex").toString("base64");
}

const ONE = Buffer.alloc(DIGEST_CHARACTERS);
const OTHER = Buffer.alloc(DIGEST_CHARACTERS);

/** Compares two digests in constant time. */
export function sameDigest(one: string, other: string): boolean {
  ONE.write(one, "latin1");
  OTHER.write(other, "latin1");
  return crypto.timingSafeEqual(ONE, OTHER);
}
