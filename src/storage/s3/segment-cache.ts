/**
 * The segments of patches that were read last: a get that opens one patch after the other reads
 * each segment once.
 *
 * Segments never change. At most LIMITS.segmentsKeptMax are kept.
 */
import { LIMITS } from "../../limits.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import type { Bucket } from "../../s3/bucket.ts";
import type { PatchEntry, PatchSegment } from "./manifest.ts";
import { readSegment } from "./patch-segments.ts";

type Loaded = Promise<PatchEntry[] | undefined>;

export class SegmentCache {
  readonly #bucket: Bucket;
  /** Least recently used first. */
  readonly #loads = new Map<string, Loaded>();

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  /**
   * @returns undefined if there is no such blob.
   * @throws {CacheError} OBJECT_CORRUPT, STORAGE_UNAVAILABLE
   */
  async read(key: ObjectKey, segment: PatchSegment): Loaded {
    const load = this.#loads.get(segment.id) ?? readSegment(this.#bucket, key, segment);
    this.#loads.delete(segment.id);
    this.#loads.set(segment.id, load);
    for (const oldest of this.#loads.keys()) {
      if (this.#loads.size <= LIMITS.segmentsKeptMax) break;
      this.#loads.delete(oldest);
    }
    const entries = await load.catch((error: unknown) => {
      this.#loads.delete(segment.id);
      throw error;
    });
    if (entries === undefined) this.#loads.delete(segment.id);
    return entries;
  }
}
