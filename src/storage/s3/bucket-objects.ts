/**
 * Objects in a bucket that any number of replicas share: put, patch, delete, renew, get.
 *
 * Each method is linearizable per key, and a change takes effect at most once. The answer
 * STORAGE_UNAVAILABLE with the fact `outcome: unknown` means that it may have taken effect.
 * Cost: docs/decisions/0020-one-bucket-is-the-shared-state.md.
 */
import { isCacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import type { Bucket } from "../../s3/bucket.ts";
import { StagedMemory } from "../staged-memory.ts";
import { quarantineManifest } from "./damaged-manifest.ts";
import type { ManifestState } from "./manifest-cache.ts";
import { type Freshness, ManifestStore, type ManifestStoreOptions } from "./manifest-store.ts";
import type { Written } from "./manifest-write.ts";
import {
  type ChangeContext,
  type ChangeLifetime,
  type DeleteTerms,
  decideDelete,
  decideExpiry,
  decidePatch,
  decidePut,
  decideRenewal,
  lifetimeFrom,
  liveOf,
  type PatchTerms,
  type PutTerms,
  type Refusal,
} from "./object-changes.ts";
import { ObjectReader } from "./object-reader.ts";
import { type FinishedBody, StagedBody } from "./staged-body.ts";
import { VersionFloor } from "./version-floor.ts";

/** What a read finds. `missing`: no object, a deleted or an expired one. */
export type FoundObject =
  | { readonly kind: "found"; readonly reader: ObjectReader; readonly state: ManifestState }
  /** The object still has the version that the caller holds. */
  | { readonly kind: "same"; readonly version: number; readonly state: ManifestState }
  | { readonly kind: "missing"; readonly state: ManifestState };

export interface GetTerms extends Freshness {
  /** A version that the caller holds. */
  readonly ifVersionNot?: number;
}

export class BucketObjects {
  readonly manifests: ManifestStore;
  readonly floor: VersionFloor;
  /** Small bodies of running puts. */
  readonly staged = new StagedMemory();
  readonly #context: ChangeContext;

  constructor(bucket: Bucket, options: ManifestStoreOptions = {}) {
    const manifests = new ManifestStore(bucket, options);
    const { timing, storeClock } = manifests;
    const floor = new VersionFloor({ bucket, timing, storeClock });
    this.manifests = manifests;
    this.floor = floor;
    this.#context = {
      bucket,
      timing,
      storeClock,
      storeNowMs: (state) => manifests.storeNowMs(state),
      versionFloor: () => floor.version(),
    };
  }

  /** The body of a put. */
  stage(key: ObjectKey): StagedBody {
    return this.#stage(key, LIMITS.manifestInlineBytesMax);
  }

  /**
   * The body of a patch: fewer of its bytes stay in the manifest, which later patches write again.
   */
  stagePatch(key: ObjectKey): StagedBody {
    return this.#stage(key, LIMITS.patchInlineBytesMax);
  }

  #stage(key: ObjectKey, inlineBytesMax: number): StagedBody {
    const { bucket, timing } = this.manifests;
    return new StagedBody({ bucket, timing, key, inlineBytesMax, memory: this.staged });
  }

  /** @throws {CacheError} STORAGE_UNAVAILABLE, OBJECT_CORRUPT */
  put(key: ObjectKey, body: FinishedBody, terms: PutTerms): Promise<Written<Refusal>> {
    const change = (state: ManifestState | undefined) =>
      decidePut(this.#context, { key, body: body.span, terms, state });
    return this.manifests.write(key, change, { sinceBlob: body.since });
  }

  /** @throws {CacheError} STORAGE_UNAVAILABLE, OBJECT_CORRUPT */
  patch(key: ObjectKey, body: FinishedBody, terms: PatchTerms = {}): Promise<Written<Refusal>> {
    const change = (state: ManifestState | undefined) =>
      decidePatch(this.#context, { key, body: body.span, terms, state });
    return this.manifests.write(key, change, { sinceBlob: body.since });
  }

  /** @throws {CacheError} STORAGE_UNAVAILABLE, OBJECT_CORRUPT */
  delete(key: ObjectKey, terms?: DeleteTerms): Promise<Written<Refusal>> {
    return this.manifests.write(key, (state) => decideDelete(this.#context, state, terms));
  }

  /**
   * Gives an object another time to live, from now on.
   * @throws {CacheError} STORAGE_UNAVAILABLE, OBJECT_CORRUPT
   */
  renew(key: ObjectKey, ttlMs: number): Promise<Written<Refusal>> {
    return this.changeLifetime(key, (_, nowMs) => lifetimeFrom(nowMs, ttlMs));
  }

  /**
   * @param change called for each attempt.
   * @throws {CacheError} STORAGE_UNAVAILABLE, OBJECT_CORRUPT
   */
  changeLifetime(key: ObjectKey, change: ChangeLifetime): Promise<Written<Refusal>> {
    return this.manifests.write(key, (state) => decideRenewal(this.#context, state, change));
  }

  /**
   * Deletes an object whose time has passed.
   * @throws {CacheError} STORAGE_UNAVAILABLE, OBJECT_CORRUPT
   */
  expire(key: ObjectKey): Promise<Written<Refusal>> {
    return this.manifests.write(key, (state) => decideExpiry(this.#context, state));
  }

  /**
   * Deletes an object whose manifest is damaged, and keeps the damaged bytes.
   * @returns false if the manifest is intact or there is none.
   * @throws {CacheError} STORAGE_UNAVAILABLE
   */
  quarantine(key: ObjectKey): Promise<boolean> {
    return quarantineManifest(this, key);
  }

  /** @throws {CacheError} STORAGE_UNAVAILABLE, OBJECT_CORRUPT */
  async get(key: ObjectKey, terms: GetTerms = {}): Promise<FoundObject> {
    const state = await this.manifests.read(key, terms);
    const live = liveOf(this.#context, state);
    if (state.manifest === undefined || live === undefined) return { kind: "missing", state };
    const { version } = state.manifest;
    if (version === terms.ifVersionNot) return { kind: "same", version, state };
    return { kind: "found", reader: new ObjectReader(this.manifests, state.manifest, live), state };
  }

  /**
   * Gets an object and uses it. Starts again with the current state if bytes of it were collected
   * because the object was replaced: `use` may be called again.
   * @throws {CacheError} STORAGE_UNAVAILABLE, OBJECT_CORRUPT, and what `use` throws
   */
  async use<Result>(
    key: ObjectKey,
    terms: GetTerms,
    use: (found: FoundObject) => Promise<Result>,
  ): Promise<Result> {
    for (let tries = 1; ; tries += 1) {
      const { ifVersionNot } = terms;
      const strict = ifVersionNot === undefined ? {} : { ifVersionNot };
      try {
        return await use(await this.get(key, tries === 1 ? terms : strict));
      } catch (error) {
        if (!isReplaced(error) || tries >= LIMITS.missingBlobReadsMax) throw error;
      }
    }
  }
}

/** True if bytes were collected because their object was replaced meanwhile. */
export function isReplaced(error: unknown): boolean {
  return isCacheError(error, "STORAGE_UNAVAILABLE") && error.facts.replaced === true;
}
