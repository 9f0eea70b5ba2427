/**
 * Text that arrives as bytes (tickets, commands, criteria), read strictly.
 *
 * Replacing what is not UTF-8 would let two different byte strings name the same object, so it is refused.
 * A leading U+FEFF is a character of the text, not a mark to be dropped, for the same reason.
 */
import { CacheError } from "../errors.ts";

const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * @param subject what the bytes are, for the error text: "the ticket".
 * @throws {CacheError} INVALID_REQUEST when the bytes are not UTF-8.
 */
export function decodeText(bytes: Uint8Array, subject: string): string {
  try {
    return STRICT_UTF8.decode(bytes);
  } catch (cause) {
    throw new CacheError("INVALID_REQUEST", `${subject} is not valid UTF-8`, { cause });
  }
}

/** Text as UTF-8; bytes as they are, not copied. */
export function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? Buffer.from(value) : value;
}
