/**
 * Decodes text (tickets, commands, criteria) strictly.
 *
 * Invalid UTF-8 is refused: replacement characters would let two different byte strings name the
 * same object. A leading U+FEFF is kept as a character for the same reason.
 */
import { CacheError } from "../errors.ts";

const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * @param subject the bytes, for the error text: "the ticket".
 * @throws {CacheError} INVALID_REQUEST if the bytes are not UTF-8.
 */
export function decodeText(bytes: Uint8Array, subject: string): string {
  try {
    return STRICT_UTF8.decode(bytes);
  } catch (cause) {
    throw new CacheError("INVALID_REQUEST", `${subject} is not valid UTF-8`, { cause });
  }
}

/** Text as UTF-8; bytes unchanged, not copied. */
export function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? Buffer.from(value) : value;
}
