/**
 * Where the first message of an IPC file begins. Writers pad the leading magic differently.
 *
 *     "ARROW1" | 0 or more zeros | FFFFFFFF, int32 length, schema message     Arrow 0.15 and later
 *     "ARROW1" | 0 or more zeros | int32 length, schema message               before
 *
 * Arrow C++ pads to 8 bytes, arrow-rs to 64, Perspective to 9. The end of the zeros tells where the message begins, but for old
 * framing: a length that is a multiple of 256 begins with zeros itself. Then there are several candidates, and only
 * one of them leads to a schema.
 */
import { FILE_MAGIC } from "./footer.ts";
import { invalidIpc } from "./invalid-ipc.ts";

/** How far into a file its first message may begin, bytes: far more than any writer pads. */
export const MAGIC_BYTES_MAX = 1024;
const MAGIC_BYTES = 6;
const CONTINUATION = 0xffffffff;
const LENGTH_BYTES = 4;

/** True for a file's first bytes, as far as there are any. */
export function beginsAsFile(start: Buffer): boolean {
  const size = Math.min(start.length, MAGIC_BYTES);
  return start.compare(FILE_MAGIC, 0, size, 0, size) === 0;
}

/**
 * @param start the first MAGIC_BYTES_MAX bytes of a file, or all of it.
 * @returns positions of the frame, the likeliest first; none where only zeros follow the magic.
 * @throws {CacheError} INVALID_IPC when the bytes do not begin as an Arrow file does.
 */
export function firstMessagePositions(start: Buffer): number[] {
  if (start.length < MAGIC_BYTES || !beginsAsFile(start)) {
    throw invalidIpc("the file does not begin as an Arrow file does");
  }
  const end = start.findIndex((byte, index) => index >= MAGIC_BYTES && byte !== 0);
  if (end < 0) return [];
  if (end + LENGTH_BYTES <= start.length && start.readUInt32LE(end) === CONTINUATION) return [end];
  const usual = FILE_MAGIC.length;
  return end > usual && end < usual + LENGTH_BYTES ? [usual, end] : [end];
}
