/**
 * Blobs: bytes under a random name, written once and never changed.
 *
 * A small blob is one request, repeated until it is certain that it is there: the name is fresh, so
 * a repetition writes the same bytes. Large ones are uploads (staged-body.ts). A blob that nothing
 * refers to is garbage (garbage-collector.ts).
 */
import { crc32 } from "node:zlib";
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import type { Bucket } from "../../s3/bucket.ts";
import type { Span } from "./manifest.ts";
import { formatBlobName, randomId } from "./names.ts";
import { backOff, Stopwatch, type Timing } from "./timing.ts";

export type BlobSpan = Span & { readonly kind: "blob" };

/** @throws {CacheError} STORAGE_UNAVAILABLE */
export async function writeBlob(
  { bucket, timing }: { readonly bucket: Bucket; readonly timing: Timing },
  key: ObjectKey,
  chunks: readonly Uint8Array[],
): Promise<BlobSpan> {
  const id = randomId();
  const stopwatch = new Stopwatch(timing);
  for (let tries = 0; tries < LIMITS.bucketWriteTriesMax; tries += 1) {
    const outcome = await bucket.write(formatBlobName(key, id), chunks);
    if (outcome.kind === "done") return { kind: "blob", id, ...sumOf(chunks) };
    if (stopwatch.elapsedMs > LIMITS.bucketWriteMsMax) break;
    await backOff(timing, tries, outcome.kind === "retry" ? outcome.afterMs : 0);
  }
  throw new CacheError("STORAGE_UNAVAILABLE", "the store did not accept the bytes of the object in time");
}

function sumOf(chunks: readonly Uint8Array[]): { readonly sizeBytes: number; readonly crc32: number } {
  let sum = 0;
  let sizeBytes = 0;
  for (const chunk of chunks) {
    sum = crc32(chunk, sum);
    sizeBytes += chunk.length;
  }
  return { sizeBytes, crc32: sum };
}

/**
 * A whole small blob, compared with its checksum; undefined if there is none.
 * @throws {CacheError} OBJECT_CORRUPT, STORAGE_UNAVAILABLE
 */
export async function readWholeBlob(
  bucket: Bucket,
  key: ObjectKey,
  blob: { readonly id: string; readonly sizeBytes: number; readonly crc32: number },
): Promise<Buffer | undefined> {
  const bytes = await bucket.readRange(formatBlobName(key, blob.id), 0, blob.sizeBytes);
  if (bytes !== undefined && (bytes.length !== blob.sizeBytes || crc32(bytes) !== blob.crc32)) {
    throw corruptBlob(blob.id);
  }
  return bytes;
}

export function corruptBlob(id: string): CacheError {
  return new CacheError("OBJECT_CORRUPT", "bytes of the object in the bucket do not match their checksum", {
    facts: { blob: id },
  });
}
