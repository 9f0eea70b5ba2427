/**
 * Finds the first message of an IPC file. Writers pad the leading magic differently.
 *
 *     "ARROW1" | 0 or more zeros | FFFFFFFF, int32 length, schema message     Arrow 0.15 and later
 *     "ARROW1" | 0 or more zeros | int32 length, schema message               before
 *
 * Arrow C++ pads to 8 bytes, arrow-rs to 64, Perspective to 9. The message begins after the zeros,
 * except with the old frame: a length that is a multiple of 256 itself begins with zeros. Then
 * there are several candidates, and only one of them leads to a schema.
 */
import { FILE_MAGIC } from "./footer.ts";
import { invalidIpc } from "./invalid-ipc.ts";

/** Maximum position of the first message, bytes: far more than any writer pads. */
export const MAGIC_BYTES_MAX = 1024;
const MAGIC_BYTES = 6;
const CONTINUATION = 0xffffffff;
const LENGTH_BYTES = 4;

/** True if these first bytes of a file, however few, match the magic. */
export function beginsAsFile(start: Buffer): boolean {
  const size = Math.min(start.length, MAGIC_BYTES);
  return start.compare(FILE_MAGIC, 0, size, 0, size) === 0;
}

/**
 * @param start the first MAGIC_BYTES_MAX bytes of a file, or all of it.
 * @returns candidate positions of the frame, the likeliest first; none if only zeros follow the
 *   magic.
 * @throws {CacheError} INVALID_IPC if the bytes do not begin with the magic.
 */
export function firstMessagePositions(start: Buffer): number[] {
  if (start.length < MAGIC_BYTES || !beginsAsFile(start)) {
    throw invalidIpc("the file does not begin with the Arrow magic");
  }
  const end = start.findIndex((byte, index) => index >= MAGIC_BYTES && byte !== 0);
  if (end < 0) return [];
  if (end + LENGTH_BYTES <= start.length && start.readUInt32LE(end) === CONTINUATION) return [end];
  const usual = FILE_MAGIC.length;
  return end > usual && end < usual + LENGTH_BYTES ? [usual, end] : [end];
}
