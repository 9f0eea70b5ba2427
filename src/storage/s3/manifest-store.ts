/**
 * Reads and replaces the manifests in a bucket: the one place through which replicas share state.
 *
 * A read asks the store whether the remembered manifest is current (If-None-Match), and shares that
 * request with all waiting callers. It sends none if the caller accepts an older state. Writes are
 * in manifest-write.ts. Cost: one request for a read, one for a write of a remembered manifest.
 */
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import { formatObjectKey } from "../../object/object-key.ts";
import type { Bucket } from "../../s3/bucket.ts";
import { decodeManifest } from "./encode-manifest.ts";
import { blobsOf, isExpired, type Manifest } from "./manifest.ts";
import { ManifestCache, type ManifestState } from "./manifest-cache.ts";
import { type Change, ManifestWrite, type WriteBounds, type Written } from "./manifest-write.ts";
import { formatManifestName } from "./names.ts";
import { SegmentCache } from "./segment-cache.ts";
import { SharedLoads } from "./shared-loads.ts";
import { StoreClock, SYSTEM_TIMING, type Timing } from "./timing.ts";
import { WriteTurns } from "./write-turns.ts";

export interface ManifestStoreOptions {
  readonly timing?: Timing;
  readonly cacheBytesMax?: number;
}

/** Which state a reader accepts without a request. By default none. */
export interface Freshness {
  /** A state that was current at some time within the last so many milliseconds. */
  readonly maxStalenessMs?: number | undefined;
  /** An object of this version or a later one, unless its time has passed: it may be renewed. */
  readonly atLeastVersion?: number | undefined;
}

export class ManifestStore {
  readonly bucket: Bucket;
  readonly timing: Timing;
  readonly storeClock: StoreClock;
  readonly segments: SegmentCache;
  readonly #cache: ManifestCache;
  readonly #turns = new WriteTurns();
  #onReplaced: ((manifestName: string, blobs: Iterable<string>) => void) | undefined;
  readonly #loads = new SharedLoads((name) => this.#loadNamed(name, this.#cache.get(name)));
  readonly #listLoads = new SharedLoads((name) => this.#loadNamed(name, this.#cache.peek(name), true));

  constructor(bucket: Bucket, options: ManifestStoreOptions = {}) {
    this.bucket = bucket;
    this.timing = options.timing ?? SYSTEM_TIMING;
    this.storeClock = new StoreClock(this.timing);
    this.segments = new SegmentCache(bucket);
    this.#cache = new ManifestCache(options.cacheBytesMax ?? LIMITS.manifestCacheBytesMax);
  }

  /** Bytes of the remembered manifests, with their overhead. */
  get cacheSizeBytes(): number {
    return this.#cache.sizeBytes;
  }

  /** What is remembered, whether it is current or not. Costs no request. */
  held(key: ObjectKey): ManifestState | undefined {
    return this.#cache.get(formatManifestName(key));
  }

  /**
   * The state at some moment of this call, or an older one that `freshness` allows.
   * @throws {CacheError} STORAGE_UNAVAILABLE, OBJECT_CORRUPT
   */
  async read(key: ObjectKey, freshness: Freshness = {}): Promise<ManifestState> {
    const name = formatManifestName(key);
    const held = this.#cache.get(name);
    if (held !== undefined && this.#isFresh(held, freshness)) return checkKey(held, key);
    return checkKey(await this.#loads.run(name), key);
  }

  #isFresh(held: ManifestState, { maxStalenessMs = 0, atLeastVersion }: Freshness): boolean {
    if (this.timing.monotonicMs() - held.askedMs < maxStalenessMs) return true;
    const { manifest } = held;
    if (atLeastVersion === undefined || manifest?.live === undefined) return false;
    return manifest.version >= atLeastVersion && !isExpired(manifest, this.storeNowMs(held));
  }

  /** The store's clock when the state is used, ms since 1970. */
  storeNowMs(state: ManifestState): number {
    return state.dateMs + Math.max(0, Math.floor(this.timing.monotonicMs() - state.askedMs));
  }

  /**
   * Replaces the manifest by compare-and-swap, at most once.
   * @throws {CacheError} STORAGE_UNAVAILABLE; with the fact `outcome: unknown` if the change may
   *   have been applied. OBJECT_CORRUPT, and what `change` throws.
   */
  write<Refusal>(key: ObjectKey, change: Change<Refusal>, bounds?: WriteBounds): Promise<Written<Refusal>> {
    const name = formatManifestName(key);
    const write = new ManifestWrite({ store: this, key, name, change, bounds });
    return this.#turns.run(name, () => write.run());
  }

  /** A load of its own, which begins now. */
  async load(key: ObjectKey): Promise<ManifestState> {
    const name = formatManifestName(key);
    return checkKey(await this.#loadNamed(name, this.#cache.get(name)), key);
  }

  /**
   * The state of a manifest in a LIST: the remembered one if the ETag says so, else a read.
   * @throws {CacheError} STORAGE_UNAVAILABLE, OBJECT_CORRUPT
   */
  async readListed(name: string, etag: string | undefined): Promise<ManifestState> {
    const held = this.#cache.peek(name);
    const isCurrent = held?.etag !== undefined && held.etag === etag;
    const state = isCurrent ? held : await this.#listLoads.run(name);
    if (state.manifest === undefined || formatManifestName(state.manifest.key) === name) return state;
    throw otherKey();
  }

  /** Remembers a state that this replica wrote in place of another. */
  written(name: string, state: ManifestState, before: ManifestState | undefined): void {
    this.#cache.remember(name, state, { before });
    const earlier = before?.manifest;
    const isReplaced = earlier?.live?.baseVersion !== state.manifest?.live?.baseVersion;
    if (earlier !== undefined && isReplaced) this.#onReplaced?.(name, blobsOf(earlier));
  }

  /** @param listener is called with the blobs that a write of this replica made garbage. */
  onReplaced(listener: (manifestName: string, blobs: Iterable<string>) => void): void {
    this.#onReplaced = listener;
  }

  async #loadNamed(
    name: string,
    before: ManifestState | undefined,
    isListed = false,
  ): Promise<ManifestState> {
    const askedMs = this.timing.monotonicMs();
    const etag = before?.etag;
    const outcome = await this.bucket.read(name, {
      bytesMax: LIMITS.manifestBytesMax,
      ...(etag === undefined ? {} : { ifNoneMatch: etag }),
    });
    const { dateMs } = outcome;
    this.storeClock.observe(dateMs);
    if (outcome.kind === "same" && before === undefined) {
      throw new CacheError("STORAGE_IO", "the store answered 304 to a request without a condition");
    }
    const state: ManifestState =
      outcome.kind === "same"
        ? { ...before!, dateMs, askedMs }
        : outcome.kind === "missing"
          ? { sizeBytes: 0, dateMs, askedMs }
          : { ...decodeState(outcome.body), etag: outcome.etag, dateMs, askedMs };
    this.#cache.remember(name, state, { before, isListed });
    return state;
  }
}

function decodeState(body: Buffer): { readonly manifest: Manifest; readonly sizeBytes: number } {
  // A view of a larger buffer would keep all of it in memory.
  const own = body.buffer.byteLength > 2 * body.length ? Buffer.from(new Uint8Array(body).buffer) : body;
  return { manifest: decodeManifest(own), sizeBytes: own.length };
}

function checkKey(state: ManifestState, key: ObjectKey): ManifestState {
  if (state.manifest === undefined || formatObjectKey(state.manifest.key) === formatObjectKey(key))
    return state;
  throw otherKey();
}

/** Another key's manifest under this name: a hash collision, or objects were moved by hand. */
function otherKey(): CacheError {
  return new CacheError("OBJECT_CORRUPT", "the manifest of the object belongs to another key");
}
