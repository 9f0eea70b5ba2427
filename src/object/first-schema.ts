/**
 * Reads the schema message of another program's IPC file: the first message, wherever the padding
 * ends.
 *
 * Files of the cache do not need this: their schema follows 8 bytes of magic.
 * Cost: two reads.
 */
import { readFramedHeader } from "../arrow/encapsulated.ts";
import { firstMessagePositions, MAGIC_BYTES_MAX } from "../arrow/first-message.ts";
import { invalidIpc } from "../arrow/invalid-ipc.ts";
import { decodeMessage } from "../arrow/message.ts";
import { isCacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { ByteSource } from "./byte-sink.ts";

const FRAME_BYTES = 8;
const CONTINUATION = 0xffffffff;

/**
 * The message as stored, including padding; a view of the bytes read.
 * @throws {CacheError} INVALID_IPC
 */
export async function readFirstSchema(source: ByteSource): Promise<Buffer> {
  const start = await source.read(0, Math.min(source.sizeBytes, MAGIC_BYTES_MAX));
  for (const position of firstMessagePositions(start)) {
    const header = await readSchemaAt(source, position);
    if (header !== undefined) return header;
  }
  throw invalidIpc("the file has no schema after its magic");
}

/** Undefined if there is no schema message. */
async function readSchemaAt(source: ByteSource, position: number): Promise<Buffer | undefined> {
  if (position + FRAME_BYTES > source.sizeBytes) return undefined;
  const frame = await source.read(position, FRAME_BYTES);
  const isOldFraming = frame.readUInt32LE(0) !== CONTINUATION;
  const lengthBytes = frame.readInt32LE(isOldFraming ? 0 : 4);
  const framedBytes = lengthBytes + (isOldFraming ? 4 : FRAME_BYTES);
  if (lengthBytes <= 0 || lengthBytes > LIMITS.dataHeaderBytesMax) return undefined;
  if (position + framedBytes > source.sizeBytes) return undefined;
  const { header } = readFramedHeader(await source.read(position, framedBytes), 0);
  return isSchema(header) ? Buffer.from(header.buffer, header.byteOffset, header.byteLength) : undefined;
}

function isSchema(header: Uint8Array): boolean {
  try {
    return decodeMessage(header).kind === "schema";
  } catch (error) {
    if (isCacheError(error, "INVALID_IPC")) return false;
    throw error;
  }
}
