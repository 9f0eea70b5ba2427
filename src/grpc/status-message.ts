/**
 * `grpc-message`: the text of a status as percent-encoded UTF-8.
 *
 * Bytes 0x20 to 0x7e other than `%` are not encoded, all others are %XX. Decoding never fails: an
 * invalid escape is kept as it is. The encoded text is cut at LIMITS.statusMessageBytesMax, because
 * peers refuse trailers over 8 KiB and would then show no status at all.
 * Source: grpc/doc/PROTOCOL-HTTP2.md, "Responses".
 */
import { LIMITS } from "../limits.ts";

const NEEDS_ESCAPE = /[^\x20-\x24\x26-\x7e]/;
const PERCENT = 0x25;

/** Encodes the text of a status. A text that is too long is cut between characters. */
export function encodeStatusMessage(text: string): string {
  const max = LIMITS.statusMessageBytesMax;
  if (text.length <= max && !NEEDS_ESCAPE.test(text)) return text;
  let encoded = "";
  for (const character of text) {
    const piece = NEEDS_ESCAPE.test(character) ? escapeCharacter(character) : character;
    if (encoded.length + piece.length > max) break;
    encoded += piece;
  }
  return encoded;
}

function escapeCharacter(character: string): string {
  let escaped = "";
  // A lone surrogate becomes U+FFFD here, so the text is always valid UTF-8.
  for (const byte of Buffer.from(character)) {
    escaped += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return escaped;
}

/** Decodes a `grpc-message`. Invalid escapes stay as text, invalid UTF-8 becomes U+FFFD. */
export function decodeStatusMessage(encoded: string): string {
  if (!encoded.includes("%")) return encoded;
  const source = Buffer.from(encoded);
  const decoded = Buffer.allocUnsafe(source.length);
  let length = 0;
  for (let i = 0; i < source.length; i++) {
    const byte = source[i]!;
    const escaped = byte === PERCENT ? escapedByte(source, i) : undefined;
    decoded[length++] = escaped ?? byte;
    if (escaped !== undefined) i += 2;
  }
  return decoded.toString("utf8", 0, length);
}

function escapedByte(source: Buffer, position: number): number | undefined {
  const digits = source.toString("latin1", position + 1, position + 3);
  return /^[0-9a-fA-F]{2}$/.test(digits) ? Number.parseInt(digits, 16) : undefined;
}
