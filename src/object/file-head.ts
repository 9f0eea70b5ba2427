/**
 * The head of an object file: the magic and the framed schema message, up to the first batch.
 *
 *     file    "ARROW1\0\0"  FFFFFFFF  length  schema message  zeros  "FLAMEOBJ"
 *     stream                FFFFFFFF  length  schema message  zeros  "FLAMEOBJ"
 *
 * Both are of one size, a multiple of 64, so that an object whose stream turns out to replace a dictionary
 * becomes an IPC stream by rewriting its head, with no byte of the rest moved. The mark sits in the padding that
 * Arrow readers pass over: it tells a file the cache published whole from one a client is still writing.
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

/** @returns a fresh buffer of headSizeBytes. */
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
 * Tells who wrote a file by its first bytes. Other programs pad the magic of a file as they like, or frame the schema as Arrow did
 * before 0.15: then it is foreign, whole or not.
 * @param start the file's beginning: up to 16 bytes, fewer when the file is shorter.
 * @param readMark gives the 8 bytes at a position, or undefined when they lie beyond the end.
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
