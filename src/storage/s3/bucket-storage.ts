/**
 * The engine `s3`: objects in a bucket that any number of replicas share.
 *
 * It has no index: what an object is, the bucket says. So the cache asks it for objects
 * (cache/shared/), and opens the files of an object that it looked up. Nothing is evicted from the
 * bucket, and nothing needs a scan.
 */
import { assert, CacheError } from "../../errors.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import type { Lifetime } from "../../object/object-metadata.ts";
import type { LocalCopies } from "../copies/local-copies.ts";
import type {
  FileSource,
  OpenPurpose,
  StorageCapabilities,
  StorageReach,
  StoredFile,
  StoredName,
} from "../object-storage.ts";
import type { StorageCounts, StoreCounts } from "../storage-counts.ts";
import type { MemoryTier } from "../tier/memory-tier.ts";
import { RangeMemory } from "./blob-ranges.ts";
import type { BlobSources } from "./blob-reader.ts";
import { BucketFile } from "./bucket-file.ts";
import type { BucketObjects } from "./bucket-objects.ts";
import { type ListedObject, listObjects } from "./list-objects.ts";
import { holdsBlobs, type LiveObject, type Manifest } from "./manifest.ts";
import type { Written } from "./manifest-write.ts";
import type { NameScope } from "./names.ts";
import type { Accept, ChangeLifetime, PatchTerms, PutTerms, Refusal } from "./object-changes.ts";
import { ObjectReader } from "./object-reader.ts";
import type { ReplicaRegistry } from "./replica-registry.ts";
import { StagedObject } from "./staged-object.ts";

/** An object as it was at one moment. */
export interface ObjectState {
  readonly manifest: Manifest;
  readonly live: LiveObject;
}

/**
 * Which remembered states a caller accepts without a request: `strict`: none; a version: an object
 * of this version or a later one.
 */
export type Accepts = "strict" | { readonly atLeastVersion?: number | undefined };

export interface BucketStorageOptions {
  readonly objects: BucketObjects;
  /** How old a state may be that a get accepts without a request. 0: every get asks the store. */
  readonly maxStalenessMs?: number;
  /** Absent: no bytes of blobs are kept in memory. */
  readonly tier?: MemoryTier | undefined;
  /** Absent: this replica does not look for others. */
  readonly replicas?: ReplicaRegistry;
  /** Absent: no bytes of blobs are kept on the local disk. */
  readonly copies?: LocalCopies | undefined;
  readonly counts?: () => StoreCounts;
  /** Memory of the uploads that run now. */
  readonly uploadBytes?: () => number;
  readonly reach?: StorageReach;
  /** Called by `start`, before anything else is sent. */
  readonly check?: () => Promise<void>;
  /** Called by `stop`, last. */
  readonly close?: () => Promise<void> | void;
}

export class BucketStorage implements FileSource {
  readonly capabilities: StorageCapabilities = {
    isDurable: true,
    hasChecksums: true,
    locatesFiles: false,
    refusesVersionedIds: true,
  };
  readonly reach: StorageReach | undefined;
  readonly #objects: BucketObjects;
  readonly #options: BucketStorageOptions;
  readonly #sources: BlobSources;

  constructor(options: BucketStorageOptions) {
    this.#objects = options.objects;
    this.#options = options;
    this.reach = options.reach;
    this.#sources = { memory: new RangeMemory(), copies: options.copies };
  }

  get replicas(): ReplicaRegistry | undefined {
    return this.#options.replicas;
  }

  async start(): Promise<void> {
    const { copies, check } = this.#options;
    await copies?.start();
    try {
      await check?.();
    } catch (error) {
      await copies?.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#options.close?.();
    await this.#options.copies?.stop();
  }

  /**
   * The object at some moment of the call; waiting callers share the next request.
   * @param accepts beside the states of the last `maxStalenessMs`, or instead of them.
   * @throws {CacheError} STORAGE_UNAVAILABLE, OBJECT_CORRUPT
   */
  async find(key: ObjectKey, accepts: Accepts = {}): Promise<ObjectState | undefined> {
    const { maxStalenessMs } = this.#options;
    const found = await this.#objects.get(key, accepts === "strict" ? {} : { maxStalenessMs, ...accepts });
    return found.kind === "found" ? found.reader : undefined;
  }

  /** Objects in pages, in no order. @throws {CacheError} STORAGE_UNAVAILABLE */
  list(scope: NameScope, isWanted?: (key: ObjectKey) => boolean): AsyncGenerator<readonly ListedObject[]> {
    return listObjects(this.#objects.manifests, scope, isWanted);
  }

  stageBase(key: ObjectKey): StagedObject {
    return new StagedObject(() => this.#objects.stage(key));
  }

  stagePatch(key: ObjectKey): StagedObject {
    return new StagedObject(() => this.#objects.stagePatch(key));
  }

  /** The version that the next put or patch of a key probably gets. Costs no request. */
  likelyVersion(key: ObjectKey): number {
    return (this.#objects.manifests.held(key)?.manifest?.version ?? 0) + 1;
  }

  /** @throws {CacheError} STORAGE_UNAVAILABLE, and what `accept` returns */
  async put(key: ObjectKey, staged: StagedObject, terms: PutTerms): Promise<number> {
    return await commit(staged, () => this.#objects.put(key, staged.body, terms));
  }

  /** @throws {CacheError} OBJECT_NOT_FOUND, STORAGE_UNAVAILABLE, and what `accept` returns */
  async patch(key: ObjectKey, staged: StagedObject, terms: PatchTerms): Promise<number> {
    return await commit(staged, () => this.#objects.patch(key, staged.body, terms));
  }

  /**
   * @returns the version that was deleted; undefined if there was no object.
   * @throws {CacheError} STORAGE_UNAVAILABLE, and what `accept` returns
   */
  async delete(key: ObjectKey, accept?: Accept): Promise<number | undefined> {
    const written = await this.#objects.delete(key, accept && { accept });
    if (written.kind === "done") return written.version;
    return written.refusal.kind === "missing" ? undefined : refuse(written.refusal);
  }

  /**
   * @returns the lifetime that the object has now; undefined: unlimited.
   * @throws {CacheError} OBJECT_NOT_FOUND, STORAGE_UNAVAILABLE
   */
  async changeLifetime(key: ObjectKey, change: ChangeLifetime): Promise<Lifetime | undefined> {
    const written = await this.#objects.changeLifetime(key, change);
    if (written.kind === "refused" && written.refusal.kind !== "unchanged") return refuse(written.refusal);
    return written.state.manifest?.live?.lifetime;
  }

  /** Opens a file of the state that the caller looked up. */
  async open({ part, of }: StoredName, purpose?: OpenPurpose): Promise<StoredFile | undefined> {
    assert(of !== undefined, "a file in a bucket is opened of an object that was looked up");
    const { manifest, live } = of as ObjectState;
    const reader = new ObjectReader(this.#objects.manifests, manifest, live);
    const patch = part.kind === "patch" ? await reader.patch(part.version) : undefined;
    const content = part.kind === "patch" ? patch?.content : live.base;
    if (content === undefined) return undefined;
    const file = new BucketFile(reader, content, this.#sources);
    const { tier } = this.#options;
    if (tier === undefined || purpose === "look" || !holdsBlobs(content)) return file;
    // A version's bytes never change, so the copy is named by versions: a base by its own.
    const { baseVersion } = live;
    const copy = { kind: "patch", baseVersion, version: patch?.version ?? baseVersion } as const;
    return await tier.open({ key: manifest.key, part: copy }, async () => file);
  }

  get counts(): StorageCounts {
    const { tier, copies, counts, uploadBytes } = this.#options;
    return {
      stagedBytes: this.#objects.staged.sizeBytes + (uploadBytes?.() ?? 0),
      ...(tier && { memory: tier.counts }),
      ...(copies && { local: copies.counts }),
      ...(counts && { store: counts() }),
    };
  }
}

async function commit(staged: StagedObject, write: () => Promise<Written<Refusal>>): Promise<number> {
  staged.isReferred = true;
  const written = await write();
  if (written.kind === "done") return written.version;
  staged.isReferred = false;
  return refuse(written.refusal);
}

function refuse(refusal: Refusal): never {
  if (refusal.kind === "rejected") throw refusal.error;
  assert(refusal.kind === "missing", "a change without a condition has no conflict");
  throw new CacheError("OBJECT_NOT_FOUND");
}
