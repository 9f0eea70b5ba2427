/**
 * Which blobs a manifest refers to, for the collector: read from the bucket, past the manifests
 * that the replica remembers.
 *
 * A manifest or a segment that cannot be read refers to everything: none of the object's blobs is
 * garbage.
 */
import { isCacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { Bucket } from "../../s3/bucket.ts";
import { decodeManifest } from "./encode-manifest.ts";
import { blobsIn, blobsOf, type Manifest } from "./manifest.ts";
import { formatManifestName } from "./names.ts";
import { readSegment } from "./patch-segments.ts";

export interface ReadManifest {
  readonly manifest: Manifest;
  readonly etag: string;
  readonly dateMs: number;
}

/** @returns undefined if there is none. @throws {CacheError} STORAGE_UNAVAILABLE */
export async function readManifest(
  bucket: Bucket,
  name: string,
): Promise<ReadManifest | "unreadable" | undefined> {
  return await orUnreadable(async () => {
    const outcome = await bucket.read(name, { bytesMax: LIMITS.manifestBytesMax });
    if (outcome.kind !== "found") return undefined;
    const manifest = decodeManifest(outcome.body);
    if (formatManifestName(manifest.key) !== name) return "unreadable";
    return { manifest, etag: outcome.etag, dateMs: outcome.dateMs };
  });
}

/**
 * Identifiers of blobs; undefined if they are not known.
 * @throws {CacheError} STORAGE_UNAVAILABLE
 */
export async function referencesOf(bucket: Bucket, name: string): Promise<ReadonlySet<string> | undefined> {
  const read = await readManifest(bucket, name);
  if (read === "unreadable") return undefined;
  if (read === undefined) return new Set();
  const { manifest } = read;
  const references = new Set(blobsOf(manifest));
  for (const segment of manifest.live?.segments ?? []) {
    if (!segment.hasBlobs) continue;
    const entries = await orUnreadable(() => readSegment(bucket, manifest.key, segment));
    if (entries === undefined || entries === "unreadable") return undefined;
    for (const { content } of entries) for (const id of blobsIn(content)) references.add(id);
  }
  return references;
}

async function orUnreadable<Result>(read: () => Promise<Result>): Promise<Result | "unreadable"> {
  try {
    return await read();
  } catch (error) {
    if (isCacheError(error, "OBJECT_CORRUPT") || isCacheError(error, "STORAGE_IO")) return "unreadable";
    throw error;
  }
}
