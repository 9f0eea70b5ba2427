/**
 * Tokens as the server knows them: only their SHA-256.
 *
 * A token has 256 random bits, so that a fast hash is enough: nobody can try them all. Cost: less
 * than a microsecond with `crypto.hash`, four with `createHash` on runtimes that do not have it.
 */
import crypto from "node:crypto";

const TOKEN_BYTES = 32;
/** Begins every token that the cache makes, so that scanners for secrets find it in texts. */
const PREFIX = "flame_";

/** A new token: `flame_` and 43 characters. */
export function makeToken(): string {
  return PREFIX + crypto.randomBytes(TOKEN_BYTES).toString("base64url");
}

export const digestOf: (token: string) => Buffer =
  typeof crypto.hash === "function"
    ? (token) => crypto.hash("sha256", token, "buffer")
    : (token) => crypto.createHash("sha256").update(token).digest();

/** The key of a digest in a table; the entry is then compared with `sameDigest`. */
export function tableKeyOf(digest: Buffer): string {
  return digest.toString("latin1", 0, digest.length / 2);
}

/** Compares in constant time. */
export function sameDigest(a: Buffer, b: Buffer): boolean {
  return crypto.timingSafeEqual(a, b);
}
