/**
 * Removes garbage: blobs without a reference, tombstones, objects whose time to live has passed,
 * and registrations of replicas that died.
 *
 * Two passes, at least LIMITS.garbageGraceMs apart. The first one finds: blobs and tombstones that
 * are old by the store's clock. The second one looks again, and removes. What it relies on:
 * - A blob gets its first reference within LIMITS.blobCommitMsMax, and none after it lost its
 *   last one. So a complete blob that no manifest refers to in both passes will have no reader.
 * - The floor is raised above a tombstone's version between the passes. So its key never gets a
 *   version again, even from a replica that read the floor a minute ago.
 * - A tombstone is removed on condition of its ETag. Stores without conditional DELETE keep theirs.
 * Blobs that a replica replaces itself need no first pass: the store of manifests reports them to
 * the replica's collector. Any number of collectors may run, and die, at any time.
 * Cost of a pass: LIST of everything, at most `readsMax` reads, one request for 1,000 blobs.
 */
import { LIMITS } from "../../limits.ts";
import type { Bucket, ListedKey } from "../../s3/bucket.ts";
import type { BucketObjects } from "./bucket-objects.ts";
import { GarbageCandidates, type GarbageTombstone } from "./garbage-candidates.ts";
import { isExpired } from "./manifest.ts";
import { BLOBS, MANIFESTS, parseBlobName, parseManifestName, REGISTRATIONS } from "./names.ts";
import { readManifest, referencesOf } from "./read-references.ts";

export interface GarbageCollectorOptions {
  /** True if the store refuses a DELETE whose If-Match does not hold. */
  readonly removesTombstones: boolean;
  /** Manifests that one pass reads. Of more objects, each pass looks at a random part. */
  readonly readsMax?: number;
  /** Blobs and tombstones that are remembered for the next pass. */
  readonly candidatesMax?: number;
}

export interface PassCounts {
  reads: number;
  removedBlobs: number;
  removedTombstones: number;
  expiredObjects: number;
}

export class GarbageCollector {
  readonly #objects: BucketObjects;
  readonly #bucket: Bucket;
  readonly #options: GarbageCollectorOptions;
  readonly #readsMax: number;
  readonly #candidates: GarbageCandidates;
  /** How many objects the previous pass saw. */
  #manifestsBefore = 0;
  #blobGroupsBefore = 0;
  #counts: PassCounts = noCounts();

  constructor(objects: BucketObjects, options: GarbageCollectorOptions) {
    this.#objects = objects;
    this.#bucket = objects.manifests.bucket;
    this.#options = options;
    this.#readsMax = options.readsMax ?? LIMITS.garbageReadsMax;
    const { timing } = objects.manifests;
    this.#candidates = new GarbageCandidates(timing, options.candidatesMax ?? LIMITS.garbageCandidatesMax);
    objects.manifests.onReplaced((manifestName, blobs) => {
      for (const id of blobs) this.#candidates.addBlob(manifestName, id);
    });
  }

  /** Blobs and tombstones that wait for a later pass. */
  get candidateCount(): number {
    return this.#candidates.size;
  }

  /**
   * One pass; not two at a time.
   * @throws {CacheError} STORAGE_UNAVAILABLE; the next pass continues.
   */
  async pass(signal?: AbortSignal): Promise<PassCounts> {
    this.#counts = noCounts();
    await this.#removeBlobs(signal);
    await this.#removeTombstones(signal);
    // Reads the store's clock as well.
    await this.#objects.floor.raise(0);
    await this.#removeRegistrations(signal);
    await this.#findBlobs(signal);
    await this.#findInManifests(signal);
    return this.#counts;
  }

  async #removeBlobs(signal: AbortSignal | undefined): Promise<void> {
    let garbage: [manifestName: string, id: string][] = [];
    for (const [manifestName, ids] of this.#candidates.dueBlobs()) {
      if (signal?.aborted || this.#counts.reads >= this.#readsMax) break;
      const references = await this.#referencesOf(manifestName);
      for (const id of ids) {
        if (references !== undefined && !references.has(id)) garbage.push([manifestName, id]);
        else this.#candidates.dropBlob(manifestName, id);
        if (garbage.length < LIMITS.bucketRemovalsMax) continue;
        await this.#removeBatch(garbage);
        garbage = [];
      }
    }
    if (garbage.length > 0) await this.#removeBatch(garbage);
  }

  async #removeBatch(garbage: readonly (readonly [string, string])[]): Promise<void> {
    await this.#bucket.removeMany(
      garbage.map(([name, id]) => `${BLOBS}${name.slice(MANIFESTS.length)}/${id}`),
    );
    this.#counts.removedBlobs += garbage.length;
    for (const [manifestName, id] of garbage) this.#candidates.dropBlob(manifestName, id);
  }

  async #removeTombstones(signal: AbortSignal | undefined): Promise<void> {
    for (const { manifestName, etag } of this.#candidates.dueTombstones()) {
      if (signal?.aborted) return;
      const outcome = await this.#bucket.remove(manifestName, etag);
      // In doubt, a later pass finds it again or does not.
      if (outcome.kind === "done") this.#counts.removedTombstones += 1;
      this.#candidates.dropTombstone(manifestName);
    }
  }

  /** A replica that lives renews its own long before. One that was suspended writes it again. */
  async #removeRegistrations(signal: AbortSignal | undefined): Promise<void> {
    for await (const page of this.#bucket.list(REGISTRATIONS, signal)) {
      if (signal?.aborted) return;
      const old = page.filter((listed) => this.#isOld(listed)).map(({ key }) => key);
      if (old.length > 0) await this.#bucket.removeMany(old);
    }
  }

  async #findBlobs(signal: AbortSignal | undefined): Promise<void> {
    let groups = 0;
    for await (const page of this.#bucket.list(BLOBS)) {
      if (signal?.aborted) return;
      const byObject = this.#groupOldBlobs(page);
      groups += byObject.size;
      for (const [manifestName, ids] of byObject) {
        if (!this.#mayRead(this.#blobGroupsBefore, this.#readsMax / 2)) continue;
        const references = await this.#referencesOf(manifestName);
        if (references === undefined) continue;
        for (const id of ids) if (!references.has(id)) this.#candidates.addBlob(manifestName, id);
      }
    }
    this.#blobGroupsBefore = groups;
  }

  #groupOldBlobs(page: readonly ListedKey[]): Map<string, string[]> {
    const byObject = new Map<string, string[]>();
    for (const listed of page) {
      const name = this.#isOld(listed) ? parseBlobName(listed.key) : undefined;
      if (name === undefined || this.#candidates.hasBlob(name.manifestName, name.id)) continue;
      const ids = byObject.get(name.manifestName);
      if (ids === undefined) byObject.set(name.manifestName, [name.id]);
      else ids.push(name.id);
    }
    return byObject;
  }

  async #findInManifests(signal: AbortSignal | undefined): Promise<void> {
    let manifests = 0;
    let highest = 0;
    const found: GarbageTombstone[] = [];
    for await (const page of this.#bucket.list(MANIFESTS)) {
      if (signal?.aborted) break;
      for (const listed of page) {
        if (!this.#isOld(listed) || parseManifestName(listed.key) === undefined) continue;
        manifests += 1;
        const seen = await this.#visit(listed);
        if (seen === undefined) continue;
        highest = Math.max(highest, seen.version);
        found.push(seen);
      }
    }
    this.#manifestsBefore = manifests;
    if (found.length === 0) return;
    await this.#objects.floor.raise(highest);
    for (const tombstone of found) this.#candidates.addTombstone(tombstone);
  }

  /** @returns a tombstone to remember; expires an object whose time has passed. */
  async #visit({
    key: name,
    sizeBytes,
  }: ListedKey): Promise<(GarbageTombstone & { readonly version: number }) | undefined> {
    const isTombstone = sizeBytes === LIMITS.tombstoneBytes;
    if (isTombstone && (!this.#options.removesTombstones || this.#candidates.hasTombstone(name)))
      return undefined;
    if (!this.#mayRead(isTombstone ? 0 : this.#manifestsBefore, this.#readsMax)) return undefined;
    this.#counts.reads += 1;
    const read = await readManifest(this.#bucket, name);
    if (read === undefined || read === "unreadable") return undefined;
    const { manifest, etag, dateMs } = read;
    if (manifest.live === undefined) return { manifestName: name, etag, version: manifest.version };
    if (isExpired(manifest, dateMs)) {
      const written = await this.#objects.expire(manifest.key);
      if (written.kind === "done") this.#counts.expiredObjects += 1;
    }
    return undefined;
  }

  /** Undefined if the references cannot be read: then all blobs stay. */
  async #referencesOf(manifestName: string): Promise<ReadonlySet<string> | undefined> {
    this.#counts.reads += 1;
    return await referencesOf(this.#bucket, manifestName);
  }

  #isOld({ modifiedMs }: ListedKey): boolean {
    const nowMs = this.#objects.manifests.storeClock.nowMs ?? 0;
    return nowMs - modifiedMs >= LIMITS.garbageAgeMs;
  }

  /**
   * Within the bound of reads; of more objects than that a random part.
   * @param population how many there are
   */
  #mayRead(population: number, readsMax: number): boolean {
    if (this.#counts.reads >= readsMax || this.#candidates.isFull) return false;
    return population <= readsMax || this.#objects.manifests.timing.random() * population < readsMax;
  }
}

function noCounts(): PassCounts {
  return { reads: 0, removedBlobs: 0, removedTombstones: 0, expiredObjects: 0 };
}
