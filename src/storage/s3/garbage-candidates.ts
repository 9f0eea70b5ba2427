/**
 * What one pass of a collector found and a later pass may remove: blobs that no manifest refers to,
 * and tombstones. Bounded; what does not fit waits for a later pass.
 *
 * Ages here are measured by the collector's monotonic clock since it saw them, which no wrong clock
 * of a store can shorten.
 */
import { LIMITS } from "../../limits.ts";
import type { Timing } from "./timing.ts";

export interface GarbageTombstone {
  readonly manifestName: string;
  readonly etag: string;
}

export class GarbageCandidates {
  readonly #timing: Timing;
  readonly #max: number;
  /** By name of the manifest and identifier of the blob: when it was seen. */
  readonly #blobs = new Map<string, Map<string, number>>();
  readonly #tombstones = new Map<string, { readonly etag: string; readonly seenMs: number }>();
  #blobCount = 0;

  constructor(timing: Timing, max: number) {
    this.#timing = timing;
    this.#max = max;
  }

  get size(): number {
    return this.#blobCount + this.#tombstones.size;
  }

  get isFull(): boolean {
    return this.size >= this.#max;
  }

  hasTombstone(manifestName: string): boolean {
    return this.#tombstones.has(manifestName);
  }

  hasBlob(manifestName: string, id: string): boolean {
    return this.#blobs.get(manifestName)?.has(id) ?? false;
  }

  addBlob(manifestName: string, id: string): void {
    if (this.isFull || this.hasBlob(manifestName, id)) return;
    const ofObject = this.#blobs.get(manifestName) ?? new Map<string, number>();
    ofObject.set(id, this.#timing.monotonicMs());
    this.#blobs.set(manifestName, ofObject);
    this.#blobCount += 1;
  }

  addTombstone({ manifestName, etag }: GarbageTombstone): void {
    if (!this.isFull) this.#tombstones.set(manifestName, { etag, seenMs: this.#timing.monotonicMs() });
  }

  /** Blobs that were seen long ago, by object. A copy: entries may be dropped meanwhile. */
  dueBlobs(): [manifestName: string, ids: string[]][] {
    return [...this.#blobs].flatMap(([name, ofObject]): [string, string[]][] => {
      const ids = [...ofObject].filter(([, seenMs]) => this.#isDue(seenMs)).map(([id]) => id);
      return ids.length === 0 ? [] : [[name, ids]];
    });
  }

  dueTombstones(): GarbageTombstone[] {
    return [...this.#tombstones]
      .filter(([, { seenMs }]) => this.#isDue(seenMs))
      .map(([manifestName, { etag }]) => ({ manifestName, etag }));
  }

  dropBlob(manifestName: string, id: string): void {
    const ofObject = this.#blobs.get(manifestName);
    if (ofObject?.delete(id)) this.#blobCount -= 1;
    if (ofObject?.size === 0) this.#blobs.delete(manifestName);
  }

  dropTombstone(manifestName: string): void {
    this.#tombstones.delete(manifestName);
  }

  #isDue(seenMs: number): boolean {
    return this.#timing.monotonicMs() - seenMs >= LIMITS.garbageGraceMs;
  }
}
