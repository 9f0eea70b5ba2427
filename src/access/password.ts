/**
 * The text form of a hashed password, and its check.
 *
 *     $scrypt$ln=14,r=8,p=5$SALT$HASH        salt and hash in base64 without padding
 *
 * The parameters are in the text, so that a later release can raise them for new passwords. The
 * default follows the OWASP Password Storage Cheat Sheet: 16 MiB and some 200 ms on a thread of
 * Node's pool. Source: RFC 7914; the PHC string format.
 */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";
import { LIMITS } from "../limits.ts";

const FORM = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22,86})\$([A-Za-z0-9+/]{43})$/;
const DEFAULT = { ln: 14, r: 8, p: 5 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;

interface StoredPassword {
  readonly options: ScryptOptions;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** The rest of a sentence "password must ..."; undefined if it is the text form of a password. */
export function passwordProblem(text: string): string | undefined {
  if (parse(text) !== undefined) return undefined;
  return "must be the hash of a password that the verb `token password` writes, not the password itself";
}

/** Hashes a password with a new salt. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, { options: optionsOf(DEFAULT.ln, DEFAULT.r, DEFAULT.p), salt });
  const { ln, r, p } = DEFAULT;
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`;
}

/**
 * Whether `text` is the hash of this password. Computes one scrypt even if there is no hash, so that
 * the time of the answer does not show whether a name exists.
 */
export async function matchesPassword(password: string, text: string | undefined): Promise<boolean> {
  const stored = text === undefined ? undefined : parse(text);
  const hash = await derive(password, stored ?? UNKNOWN);
  return timingSafeEqual(hash, stored?.hash ?? UNKNOWN.hash) && stored !== undefined;
}

function parse(text: string): StoredPassword | undefined {
  const [, ln, r, p, salt = "", hash = ""] = FORM.exec(text) ?? [];
  const options = optionsOf(Number(ln), Number(r), Number(p));
  const { N = 0, r: blocks = 0, p: lanes = 0 } = options;
  if (!(N >= 2 ** 10 && blocks >= 1 && lanes >= 1 && lanes <= 16)) return undefined;
  if (128 * N * blocks > LIMITS.scryptBytesMax) return undefined;
  return { options, salt: Buffer.from(salt, "base64"), hash: Buffer.from(hash, "base64") };
}

function optionsOf(ln: number, r: number, p: number): ScryptOptions {
  // Node counts some memory beside the 128 * N * r bytes of the algorithm.
  return { N: 2 ** ln, r, p, maxmem: 2 * LIMITS.scryptBytesMax };
}

const UNKNOWN: StoredPassword = {
  options: optionsOf(DEFAULT.ln, DEFAULT.r, DEFAULT.p),
  salt: randomBytes(SALT_BYTES),
  hash: randomBytes(HASH_BYTES),
};

function derive(
  password: string,
  { options, salt }: Pick<StoredPassword, "options" | "salt">,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFC"), salt, HASH_BYTES, options, (error, hash) => {
      if (error === null) resolve(hash);
      else reject(error);
    });
  });
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
