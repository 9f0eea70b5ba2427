/**
 * Limits a storage that holds the only bytes of its objects, and deletes objects to make space:
 * max_memory and max_objects of storage none, the capacity of storage files.
 *
 * A byte is charged from the moment it is staged until it is released; that includes objects being
 * removed, and removed objects that are still read. The sum never exceeds the limit: callers wait
 * until enough is released. Pinned objects are in no queue of the policy; objects in use are
 * skipped, because removing them releases nothing in time. What cannot fit is refused and evicts
 * nothing.
 * Cost: two additions for a put that fits. Evictions free a little extra, so that not every put
 * evicts.
 */
import type { CacheError } from "../errors.ts";
import type { EvictionPolicy, RemovalReason } from "../eviction/eviction-policy.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { BudgetCharges, EvictionCounts } from "./budget-counts.ts";
import { Changes } from "./changes.ts";
import { EvictionPlan } from "./eviction-plan.ts";
import { type BytesBound, type ObjectEviction, ObjectEvictions, type PutCause } from "./evictions.ts";
import type { IndexEntry } from "./index-entry.ts";
import { PutAdmission, type Shortage } from "./put-admission.ts";
import { SpaceHolders } from "./space-holders.ts";
import { storageFull } from "./storage-full.ts";

const log = logFor("cache");

export interface StorageBudgetOptions {
  readonly policy: EvictionPolicy;
  /** False if the policy never names a victim: a full storage stays full. */
  readonly evicts: boolean;
  readonly bytesMax: number;
  /** Which limit `bytesMax` is; default `capacity`. */
  readonly bytesBound?: BytesBound;
  /** undefined: unlimited. */
  readonly objectsMax?: number | undefined;
  /** Cost of a file beside its bytes. */
  readonly fileOverheadBytes?: number;
}

/** Space that a caller wants. */
export interface Need {
  readonly bytes: number;
  readonly objects?: number;
  /** Already charged bytes of the caller, which stay charged while it waits. */
  readonly ownBytes?: number;
  /** The put that needs it. */
  readonly put?: PutCause | undefined;
}

export class StorageBudget {
  readonly admission = new PutAdmission(this);
  readonly holders = new SpaceHolders((entry) => this.costOf(entry));
  readonly #policy: EvictionPolicy;
  readonly #evicts: boolean;
  readonly #bytesMax: number;
  readonly #bytesBound: BytesBound;
  readonly #objectsMax: number;
  readonly #fileOverheadBytes: number;
  readonly #pinned = new Set<IndexEntry>();
  #eviction: ObjectEviction | undefined;
  /** Of existing objects, including pinned ones. */
  #heldBytes = 0;
  #pinnedBytes = 0;
  #objects = 0;
  /** Charged by running puts. */
  #stagedBytes = 0;
  #stagedObjects = 0;
  /** Of removed objects whose bytes are not released yet. */
  #leavingBytes = 0;
  readonly #evictions: ObjectEvictions;
  /** Set while a caller makes space: the last in the queue. */
  #turn: Promise<void> | undefined;
  /** Notified when bytes are released. */
  readonly #changes = new Changes();
  /** When holders of space were last checked. */
  #lookedAtMs = 0;
  #isTrimming = false;
  /** True if this was logged. */
  #isOverfull = false;
  #refusals = 0;

  constructor(options: StorageBudgetOptions) {
    this.#policy = options.policy;
    this.#evictions = new ObjectEvictions(options.policy);
    this.#evicts = options.evicts;
    this.#bytesMax = options.bytesMax;
    this.#bytesBound = options.bytesBound ?? "capacity";
    this.#objectsMax = options.objectsMax ?? Number.POSITIVE_INFINITY;
    this.#fileOverheadBytes = options.fileOverheadBytes ?? 0;
  }

  /** Sets how objects are deleted. Called once, before any other use. */
  connect(eviction: ObjectEviction): void {
    this.#eviction = eviction;
  }

  /** All charged bytes. */
  get usedBytes(): number {
    return this.#heldBytes + this.#stagedBytes + this.#leavingBytes;
  }

  get pinnedBytes(): number {
    return this.#pinnedBytes;
  }

  get counts(): EvictionCounts {
    const { evictedObjects, evictedBytes, evictedForCount } = this.#evictions;
    return { evictedObjects, evictedBytes, evictedForCount, refusals: this.#refusals };
  }

  get charges(): BudgetCharges {
    const [bytesMax, objectsMax] = [this.#bytesMax, this.#objectsMax];
    const { usedBytes, pinnedBytes } = this;
    return { bytesMax, objectsMax, usedBytes, pinnedBytes, stagedBytes: this.#stagedBytes };
  }

  /** An object was published or found. The caller releases its put's charge in the same turn. */
  entered(entry: IndexEntry, isPinned: boolean): void {
    const costBytes = this.costOf(entry);
    this.#heldBytes += costBytes;
    this.#objects += 1;
    if (isPinned) {
      this.#pinned.add(entry);
      this.#pinnedBytes += costBytes;
    } else this.#policy.admitted(entry);
    if (this.usedBytes - this.#stagedBytes > this.#bytesMax) void this.#trim();
  }

  /** A patch was published. The caller releases its put's charge in the same turn. */
  grown(entry: IndexEntry, addedBytes: number): void {
    const costBytes = this.fileCost(addedBytes);
    this.#heldBytes += costBytes;
    if (this.#pinned.has(entry)) this.#pinnedBytes += costBytes;
    else this.#policy.admitted(entry);
  }

  touched(entry: IndexEntry): void {
    if (!this.#pinned.has(entry)) this.#policy.touched(entry);
  }

  /**
   * An object was removed or replaced.
   * @returns a function to call once when its bytes are released.
   */
  left(entry: IndexEntry, reason: RemovalReason): () => void {
    const costBytes = this.costOf(entry);
    this.#heldBytes -= costBytes;
    this.#objects -= 1;
    if (this.#pinned.delete(entry)) this.#pinnedBytes -= costBytes;
    this.#policy.removed(entry, reason);
    this.#leavingBytes += costBytes;
    return () => {
      this.#leavingBytes -= costBytes;
      this.stir();
    };
  }

  /** Updates whether the object is pinned. */
  setPinned(entry: IndexEntry, isPinned: boolean): void {
    if (this.#pinned.has(entry) === isPinned) return;
    const costBytes = this.costOf(entry);
    this.#pinnedBytes += isPinned ? costBytes : -costBytes;
    if (isPinned) {
      this.#pinned.add(entry);
      this.#policy.removed(entry, "deleted");
    } else {
      this.#pinned.delete(entry);
      this.#policy.admitted(entry);
    }
  }

  /** The charge of a file of this size. */
  fileCost(sizeBytes: number): number {
    return sizeBytes + this.#fileOverheadBytes;
  }

  /** The charge of all files of an object. */
  costOf(entry: IndexEntry): number {
    return entry.storedBytes + this.#fileOverheadBytes * (1 + entry.patchCount);
  }

  /** @throws {CacheError} STORAGE_FULL if no eviction could make space for a file of this size. */
  refuseUnlessPossible(bytes: number): void {
    if (this.#stayingBytes + bytes > this.#bytesMax) throw this.refuse({ bytes });
  }

  /** Bytes that puts could still get if everything evictable were evicted. */
  get openBytes(): number {
    return this.#bytesMax - this.#stayingBytes - this.#stagedBytes - this.#leavingBytes;
  }

  get #stayingBytes(): number {
    return this.#evicts ? this.#pinnedBytes : this.#heldBytes;
  }

  /** Charges the need if it fits without waiting. @returns false if it does not. */
  takeAtOnce(need: Need): boolean {
    if (this.#turn !== undefined || this.#isOver(need)) return false;
    this.#take(need);
    return true;
  }

  /**
   * Charges the need and evicts for it. If it must wait for readers or other puts, others go first.
   * @throws {CacheError} STORAGE_FULL if it cannot fit; nothing is charged then.
   */
  async take(need: Need): Promise<void> {
    if (this.takeAtOnce(need)) return;
    const deadlineMs = performance.now() + LIMITS.roomWaitMs;
    while (!(await this.#inTurn(() => this.#takeEvicting(need)))) {
      const missingBytes = this.usedBytes + need.bytes - this.#bytesMax;
      await this.wait({ bytes: need.bytes, missingBytes }, deadlineMs);
    }
  }

  async wait({ bytes, missingBytes }: Shortage, deadlineMs: number): Promise<void> {
    const nowMs = performance.now();
    if (nowMs >= deadlineMs) throw this.refuse({ bytes });
    if (nowMs - this.#lookedAtMs >= LIMITS.roomLookMs) {
      this.#lookedAtMs = nowMs;
      this.holders.cut(missingBytes, nowMs);
      if (this.admission.reclaim(nowMs)) return this.stir();
    }
    await this.#changes.next(Math.min(deadlineMs - nowMs, LIMITS.roomLookMs));
  }

  /** Wakes callers that wait: something was released. */
  stir(): void {
    this.#changes.notify();
  }

  /** Waits for pending removals. */
  idle(): Promise<void> {
    return this.#evictions.idle();
  }

  /** Releases a charge. */
  release({ bytes, objects = 0 }: Need): void {
    this.#stagedBytes -= bytes;
    this.#stagedObjects -= objects;
    this.stir();
  }

  /** One after the other, FIFO. */
  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = (this.#turn ?? Promise.resolve()).then(work);
    const turn = result.then(nothing, nothing);
    this.#turn = turn;
    try {
      return await result;
    } finally {
      if (this.#turn === turn) this.#turn = undefined;
    }
  }

  /** @returns false if there may be space later. @throws {CacheError} STORAGE_FULL */
  async #takeEvicting(need: Need): Promise<boolean> {
    while (this.#isOver(need)) {
      const outlook = this.#evictFor(need);
      if (this.#evictions.areUnderWay) await this.#evictions.next();
      else if (outlook === "later") return false;
      else throw this.refuse(need);
    }
    this.#take(need);
    return true;
  }

  #take({ bytes, objects = 0 }: Need): void {
    this.#stagedBytes += bytes;
    this.#stagedObjects += objects;
  }

  #isOver({ bytes, objects = 0 }: Need): boolean {
    return (
      this.usedBytes + bytes > this.#bytesMax ||
      this.#objects + this.#stagedObjects + objects > this.#objectsMax
    );
  }

  /**
   * Starts to evict as many as needed, and a few more.
   * @returns "never" if not enough is evictable: then nothing is evicted.
   */
  #evictFor({ bytes, objects = 0, ownBytes = 0, put }: Need): "now" | "later" | "never" {
    const eviction = this.#eviction;
    if (eviction === undefined) return "never";
    const evicting = this.#evictions;
    const shortage = {
      bytesOver: this.usedBytes - evicting.bytes + bytes - this.#bytesMax,
      objectsOver: this.#objects - evicting.objects + this.#stagedObjects + objects - this.#objectsMax,
      spareBytes: Math.min(Math.floor(this.#bytesMax * SPARE_PART), LIMITS.evictedAheadBytesMax),
      freeSoonBytes: Math.max(0, this.#leavingBytes - evicting.bytes),
      stagedBytes: this.#stagedBytes - ownBytes,
    };
    // Before checking each object: waiting callers ask repeatedly.
    const mostBytes = shortage.freeSoonBytes + this.#heldBytes - this.#stayingBytes;
    if (shortage.bytesOver > mostBytes + shortage.stagedBytes) return "never";
    if (shortage.bytesOver > mostBytes) return "later";
    const plan = new EvictionPlan(shortage);
    if (plan.isEnough) return "now";
    for (const victim of this.#policy.victims()) {
      const entry = victim as IndexEntry;
      if (plan.offer(entry, this.costOf(entry), eviction.mayDelete(entry)) === "enough") break;
    }
    const { outlook, victims } = plan.conclude();
    const bound = shortage.bytesOver > 0 ? this.#bytesBound : "objects";
    if (bound === "objects") evicting.evictedForCount += victims.length;
    const costs = victims.map((entry) => ({ entry, costBytes: this.costOf(entry) }));
    evicting.beginAll(costs, eviction, { bound, put });
    return outlook;
  }

  /** More was found than fits: evicts in the background until it fits or nothing is evictable. */
  async #trim(): Promise<void> {
    if (this.#turn !== undefined || this.#isTrimming) return;
    this.#isTrimming = true;
    try {
      await this.take({ bytes: 0 });
      this.#isOverfull = false;
    } catch (error) {
      if (!this.#isOverfull) log.warn("the storage exceeds its limit, and nothing can be evicted", { error });
      this.#isOverfull = true;
    }
    this.#isTrimming = false;
  }

  /** Counts a refusal and creates its error. */
  refuse({ bytes }: Need): CacheError {
    this.#refusals += 1;
    const facts = {
      neededBytes: bytes,
      bytesMax: this.#bytesMax,
      usedBytes: this.usedBytes,
      stagedBytes: this.#stagedBytes,
      pinnedBytes: this.#pinnedBytes,
      leavingBytes: this.#leavingBytes,
    };
    return storageFull(facts, this.#evicts);
  }
}

/** Part of the limit that is evicted beyond the need. */
const SPARE_PART = 1 / 128;

function nothing(): void {}
