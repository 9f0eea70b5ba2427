/**
 * Many patches of one object: the manifest lists the latest ones, and moves them into a segment, a
 * blob with up to LIMITS.manifestPatchesMax entries, when there are too many.
 *
 *     0  4  "FOCS"
 *     4     entries (content-fields.ts)
 *
 * So a manifest stays small, and a get reads each segment once and never lists. Small patches are
 * in the segment itself. A segment is never changed or merged: 10,000 patches are at most 667
 * segments.
 */

import { LIMITS } from "../../limits.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import type { Bucket } from "../../s3/bucket.ts";
import { readWholeBlob, writeBlob } from "./blobs.ts";
import { FieldReader, FieldWriter } from "./byte-fields.ts";
import { readEntries, writeEntries } from "./content-fields.ts";
import { blobsIn, type Content, type LiveObject, type PatchEntry, type PatchSegment } from "./manifest.ts";
import type { Timing } from "./timing.ts";

const MAGIC = Buffer.from("FOCS");

/** @throws {CacheError} STORAGE_UNAVAILABLE */
export async function withPatch(
  context: { readonly bucket: Bucket; readonly timing: Timing },
  key: ObjectKey,
  live: LiveObject,
  patch: PatchEntry,
): Promise<LiveObject> {
  const { patches, segments } = live;
  const isFull =
    patches.length >= LIMITS.manifestPatchesMax ||
    inlineBytesOf([...patches, patch]) > LIMITS.manifestPatchBytesMax;
  if (patches.length === 0 || !isFull) return { ...live, patches: [...patches, patch] };
  const { id, sizeBytes, crc32 } = await writeBlob(context, key, encodeSegment(patches));
  const segment: PatchSegment = {
    id,
    sizeBytes,
    crc32,
    firstVersion: patches[0]!.version,
    lastVersion: patches.at(-1)!.version,
    hasBlobs: patches.some(({ content }) => !blobsIn(content).next().done),
  };
  return { ...live, segments: [...segments, segment], patches: [patch] };
}

function inlineBytesOf(patches: readonly PatchEntry[]): number {
  const sizeOf = ({ spans }: Content): number =>
    spans.reduce((sum, span) => sum + (span.kind === "inline" ? span.bytes.length : 0), 0);
  return patches.reduce((sum, { content }) => sum + sizeOf(content), 0);
}

export function encodeSegment(patches: readonly PatchEntry[]): Uint8Array[] {
  const fields = new FieldWriter().raw(MAGIC);
  writeEntries(fields, patches);
  return fields.finish();
}

/** @throws {CacheError} OBJECT_CORRUPT */
export function decodeSegment(bytes: Buffer, segment: PatchSegment): PatchEntry[] {
  const fields = new FieldReader(bytes, 0, "a segment of patches in the bucket");
  if (!fields.raw(MAGIC.length).equals(MAGIC)) throw fields.corrupt("has another magic");
  const entries = readEntries(fields, segment.firstVersion);
  if (entries.at(-1)?.version !== segment.lastVersion)
    throw fields.corrupt("lists other patches than the manifest says");
  if (fields.left > 0) throw fields.corrupt("has bytes behind its end");
  return entries;
}

/**
 * @returns undefined if there is no such blob.
 * @throws {CacheError} OBJECT_CORRUPT, STORAGE_UNAVAILABLE
 */
export async function readSegment(
  bucket: Bucket,
  key: ObjectKey,
  segment: PatchSegment,
): Promise<PatchEntry[] | undefined> {
  const bytes = await readWholeBlob(bucket, key, segment);
  return bytes && decodeSegment(bytes, segment);
}
