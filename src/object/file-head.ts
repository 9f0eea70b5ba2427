/**
 * The head of an object file: the magic and the framed schema message, up to the first batch.
 *
 *     file    "ARROW1\0\0"  FFFFFFFF  length  schema message  zeros  "FLAMEOBJ"
 *     stream                FFFFFFFF  length  schema message  zeros  "FLAMEOBJ"
 *
 * Both have the same size, a multiple of 64, so that an object whose stream replaces a dictionary
 * becomes an IPC stream by rewriting its head, without moving any other byte. The mark is in the
 * padding, which Arrow readers skip: it distinguishes a published file of the cache from one that a
 * client is writing.
 */
import { beginsAsFile } from "../arrow/first-message.ts";
import { FILE_MAGIC } from "../arrow/footer.ts";

export type FileForm = "file" | "stream";

export const CACHE_MARK = Buffer.from("FLAMEOBJ");
const BODY_ALIGNMENT = 64;
const FRAME_BYTES = 8;

/** Size of the head for a schema message of this size, bytes; a multiple of 64. */
export function headSizeBytes(schemaSizeBytes: number): number {
  const used = FILE_MAGIC.length + FRAME_BYTES + schemaSizeBytes + CACHE_MARK.length;
  return Math.ceil(used / BODY_ALIGNMENT) * BODY_ALIGNMENT;
}

/** @returns a new buffer of headSizeBytes. */
export function encodeFileHead(schemaHeader: Uint8Array, form: FileForm): Buffer {
  const head = Buffer.alloc(headSizeBytes(schemaHeader.length));
  let position = 0;
  if (form === "file") {
    head.set(FILE_MAGIC, 0);
    position = FILE_MAGIC.length;
  }
  head.writeUInt32LE(0xffffffff, position);
  head.writeInt32LE(head.length - position - FRAME_BYTES, position + 4);
  head.set(schemaHeader, position + FRAME_BYTES);
  head.set(CACHE_MARK, head.length - CACHE_MARK.length);
  return head;
}

export type HeadState = "ours" | "foreign" | "garbage";

/**
 * Determines from a file's first bytes who wrote it. Other programs pad the magic differently, or
 * frame the schema as Arrow did before 0.15: such a file is foreign, complete or not.
 * @param start the first 16 bytes, or all of a shorter file.
 * @param readMark returns the 8 bytes at a position, or undefined if they are beyond the end.
 */
export async function classifyHead(
  start: Buffer,
  form: FileForm,
  readMark: (position: number) => Promise<Buffer | undefined>,
): Promise<HeadState> {
  const magicSize = form === "file" ? FILE_MAGIC.length : 0;
  if (form === "file" && !beginsAsFile(start)) return "garbage";
  if (start.length < magicSize + FRAME_BYTES) return "foreign";
  if (start.readUInt32LE(magicSize) !== 0xffffffff) return form === "file" ? "foreign" : "garbage";
  const lengthBytes = start.readInt32LE(magicSize + 4);
  if (lengthBytes < CACHE_MARK.length) return "garbage";
  const mark = await readMark(magicSize + FRAME_BYTES + lengthBytes - CACHE_MARK.length);
  return mark?.equals(CACHE_MARK) ? "ours" : "foreign";
}
