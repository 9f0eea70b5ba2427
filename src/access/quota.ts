/**
 * The quota of one application or identity: what it may hold, and how fast it may put.
 *
 * Bytes and objects of running puts count as if they were stored already, so that concurrent puts
 * cannot exceed the quota together. The object that a put replaces is credited to this put alone:
 * ten puts that replace one object do not get its space ten times. The credit is looked up for each
 * charge, because the object may be deleted meanwhile. A put over the quota is refused; nothing is
 * evicted for it.
 */
import { NOTHING, type Usage } from "../cache/usage.ts";
import type { QuotaEntry } from "../config/quota-schema.ts";
import { CacheError } from "../errors.ts";
import { TokenBucket } from "./token-bucket.ts";

export interface QuotaOptions {
  /** `application "app"` or `identity "worker-7"`, for the refusal. */
  readonly subject: string;
  readonly usage: () => Usage;
  readonly nowMs: () => number;
}

const none = (): Usage => NOTHING;

/** A running put, as far as a quota needs it. */
export interface PutStart {
  /** Of the object that it replaces, as far as this quota holds it; zero for a new object. */
  readonly replaced: () => Usage;
  /** 1 for a put, 0 for a patch. */
  readonly objects: 0 | 1;
}

export class Quota {
  readonly #options: QuotaOptions;
  #limits: QuotaEntry = {};
  #puts: TokenBucket | undefined;
  #bytes: TokenBucket | undefined;
  #pendingObjects = 0;
  #pendingBytes = 0;

  constructor(options: QuotaOptions) {
    this.#options = options;
  }

  setLimits(limits: QuotaEntry): void {
    this.#limits = limits;
    this.#puts = this.#bucket(this.#puts, limits.putsPerSecond);
    this.#bytes = this.#bucket(this.#bytes, limits.bytesPerSecond);
  }

  /** True while puts run. */
  get isInUse(): boolean {
    return this.#pendingObjects !== 0 || this.#pendingBytes !== 0;
  }

  /** True if forgetting it changes nothing. */
  get isIdle(): boolean {
    const nowMs = this.#options.nowMs();
    const isFull = (bucket: TokenBucket | undefined): boolean => bucket?.isFull(nowMs) ?? true;
    return !this.isInUse && isFull(this.#puts) && isFull(this.#bytes);
  }

  /** Begins a put. The caller ends it with `end`. @throws {CacheError} QUOTA_EXCEEDED */
  begin({ replaced, objects }: PutStart): void {
    const nowMs = this.#options.nowMs();
    this.#refuseRate("putsPerSecond", this.#puts?.waitMs(1, nowMs));
    this.#refuseRate("bytesPerSecond", this.#bytes?.waitMs(1, nowMs));
    if (objects > replaced().objects) this.#refuseOver("objects", 1);
    this.#refuseOver("bytes", 1, replaced);
    this.#puts?.take(1);
    this.#pendingObjects += objects;
  }

  /** @throws {CacheError} QUOTA_EXCEEDED if this many more bytes of the put do not fit. */
  expect({ replaced }: PutStart, bytes: number): void {
    this.#refuseOver("bytes", bytes, replaced);
  }

  /** Charges bytes of a running put. */
  charge(bytes: number): void {
    this.#pendingBytes += bytes;
    this.#bytes?.take(bytes);
  }

  /** Ends a put that was charged for this many bytes. If it became an object, the usage has it. */
  end({ objects }: PutStart, chargedBytes: number): void {
    this.#pendingObjects -= objects;
    this.#pendingBytes -= chargedBytes;
  }

  #refuseOver(limit: "bytes" | "objects", added: number, replaced: PutStart["replaced"] = none): void {
    const most = this.#limits[limit];
    if (most === undefined) return;
    const used =
      this.#options.usage()[limit] + (limit === "bytes" ? this.#pendingBytes : this.#pendingObjects);
    if (used + added - replaced()[limit] <= most) return;
    const { subject } = this.#options;
    const text = `${subject} holds ${used} of ${most} ${limit}; delete objects, or wait until they expire`;
    throw new CacheError("QUOTA_EXCEEDED", text, { facts: { subject, quota: limit, used, most } });
  }

  #refuseRate(limit: "putsPerSecond" | "bytesPerSecond", waitMs = 0): void {
    if (waitMs === 0) return;
    const { subject } = this.#options;
    const most = this.#limits[limit]!;
    const unit = limit === "putsPerSecond" ? "puts" : "bytes";
    const text = `${subject} has used its ${most} ${unit} per second; retry in ${waitMs} ms`;
    const facts = { subject, quota: limit, most, retryAfterMs: waitMs };
    throw new CacheError("QUOTA_EXCEEDED", text, { facts });
  }

  #bucket(old: TokenBucket | undefined, perSecond: number | undefined): TokenBucket | undefined {
    if (perSecond === undefined) return undefined;
    if (old === undefined) return new TokenBucket(perSecond, this.#options.nowMs());
    old.setRate(perSecond);
    return old;
  }
}
