/**
 * Verifies a stored object: footer, messages, bounds, and the checksum of every byte before the
 * footer.
 *
 * Cost: one sequential read of the file with the memory of one read chunk. Files written by clients
 * have no checksum; only their structure is checked.
 */
import { crc32 } from "node:zlib";
import { decodeMessage } from "../arrow/message.ts";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { turnIfDue } from "../turns.ts";
import type { ByteSource } from "./byte-sink.ts";
import type { FileForm } from "./file-head.ts";
import type { ChecksumSegment } from "./object-metadata.ts";
import { readBlockHeader, type StoredObject } from "./stored-blocks.ts";
import { readStoredObject } from "./stored-object.ts";

/** @throws {CacheError} OBJECT_CORRUPT with the reason; STORAGE_IO */
export async function verifyObject(file: ByteSource, form: FileForm | "either"): Promise<StoredObject> {
  const object = await readStoredObject(file, form);
  if (object === undefined)
    throw new CacheError("OBJECT_CORRUPT", "the file is incomplete: it has no footer");
  if (object.isOwn && object.checksum.length === 0)
    throw new CacheError("OBJECT_CORRUPT", "the checksum is missing");
  await verifyChecksum(object.source, object.checksum);
  for (const { block } of object.batches) {
    decodeMessage(await readBlockHeader(object.source, block));
    await turnIfDue();
  }
  return object;
}

/** @throws {CacheError} OBJECT_CORRUPT if a segment's bytes do not match. */
export async function verifyChecksum(
  source: ByteSource,
  checksum: readonly ChecksumSegment[],
): Promise<void> {
  let position = 0;
  for (const segment of checksum) {
    let sum = 0;
    const end = position + segment.sizeBytes;
    while (position < end) {
      const bytes = await source.read(position, Math.min(LIMITS.readChunkBytes, end - position));
      sum = crc32(bytes, sum);
      position += bytes.length;
      source.giveBack?.(bytes);
      // Bytes in memory are read without waiting.
      await turnIfDue();
    }
    if (sum !== segment.crc32) {
      throw new CacheError("OBJECT_CORRUPT", "the stored bytes do not match their checksum", {
        facts: { endsAt: end },
      });
    }
  }
}
