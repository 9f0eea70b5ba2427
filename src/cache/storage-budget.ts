/**
 * What a storage may hold, bytes and objects, and who makes room for whom: max_memory and max_objects of storage none, the
 * capacity of storage files.
 *
 * Every byte counts from when it is staged until it is really free: staged ones, those of objects, and those of objects that
 * are being removed, or were and are still read. The sum is never over the bound: who wants bytes waits until enough left. Objects
 * that are pinned stand in no queue of the policy; those that are being read or worked on are passed over, because removing
 * them frees nothing in time. What cannot fit is refused and evicts nobody.
 * Cost: a put that fits adds two numbers. Beyond that a little more is evicted than is needed, so that not each put evicts.
 */
import type { CacheError } from "../errors.ts";
import type { EvictionPolicy, RemovalReason } from "../eviction/eviction-policy.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import { Changes } from "./changes.ts";
import { EvictionPlan } from "./eviction-plan.ts";
import type { IndexEntry } from "./index-entry.ts";
import { PutAdmission } from "./put-admission.ts";
import { noRoom } from "./room-refusal.ts";

const log = logFor("cache");

export interface StorageBudgetOptions {
  readonly policy: EvictionPolicy;
  /** False when the policy never names a victim: what is full stays full. */
  readonly evicts: boolean;
  readonly bytesMax: number;
  /** undefined: as many as fit. */
  readonly objectsMax?: number | undefined;
  /** What a file costs beside its bytes. */
  readonly fileOverheadBytes?: number;
}

/** What somebody wants to add. */
export interface Need {
  readonly bytes: number;
  readonly objects?: number;
}

/** How the budget removes an object; both are the cache's. */
export interface Eviction {
  /** False while somebody works on the object. */
  mayLeave(entry: IndexEntry): boolean;
  /** Called in the same turn as `mayLeave`. */
  remove(entry: IndexEntry): Promise<void>;
}

/** Counted since the start. */
export interface EvictionCounts {
  readonly evictedObjects: number;
  readonly evictedBytes: number;
  readonly refusals: number;
}

export class StorageBudget {
  readonly admission = new PutAdmission(this);
  readonly #policy: EvictionPolicy;
  readonly #evicts: boolean;
  readonly #bytesMax: number;
  readonly #objectsMax: number;
  readonly #fileOverheadBytes: number;
  readonly #pinned = new Set<IndexEntry>();
  #eviction: Eviction | undefined;
  /** Of objects that are there, pinned ones included. */
  #heldBytes = 0;
  #pinnedBytes = 0;
  #objects = 0;
  /** Taken by puts under way. */
  #stagedBytes = 0;
  #stagedObjects = 0;
  /** Of objects that have left while their bytes are still there. */
  #leavingBytes = 0;
  /** Of those that are about to leave, as long as they are counted as held. */
  #evictingBytes = 0;
  #evictingObjects = 0;
  /** Set while somebody makes room: the end of the last in line. */
  #turn: Promise<void> | undefined;
  /** Told when bytes were given back. */
  readonly #changes = new Changes();
  /** Removals under way. */
  readonly #removals = new Set<Promise<void>>();
  /** True when this was said in the log. */
  #isOverfull = false;
  #counts = { evictedObjects: 0, evictedBytes: 0, refusals: 0 };

  constructor(options: StorageBudgetOptions) {
    this.#policy = options.policy;
    this.#evicts = options.evicts;
    this.#bytesMax = options.bytesMax;
    this.#objectsMax = options.objectsMax ?? Number.POSITIVE_INFINITY;
    this.#fileOverheadBytes = options.fileOverheadBytes ?? 0;
  }

  /** Says how objects are removed; once, before anything is taken. */
  connect(eviction: Eviction): void {
    this.#eviction = eviction;
  }

  /** Bytes that count now. */
  get usedBytes(): number {
    return this.#heldBytes + this.#stagedBytes + this.#leavingBytes;
  }

  get pinnedBytes(): number {
    return this.#pinnedBytes;
  }

  get counts(): EvictionCounts {
    return this.#counts;
  }

  /** An object has come: published or found. What was taken for it is given back in the same turn. */
  entered(entry: IndexEntry, isPinned: boolean): void {
    const costBytes = this.costOf(entry);
    this.#heldBytes += costBytes;
    this.#objects += 1;
    if (isPinned) {
      this.#pinned.add(entry);
      this.#pinnedBytes += costBytes;
    } else this.#policy.admitted(entry);
    if (this.usedBytes - this.#stagedBytes > this.#bytesMax) this.#trim();
  }

  /** A patch was published. What was taken for it is given back in the same turn. */
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
   * An object has left, or was replaced.
   * @returns what has to be called, once, when its bytes are free.
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

  /** The object is pinned now, or no longer. */
  setPinned(entry: IndexEntry, isPinned: boolean): void {
    if (this.#pinned.has(entry) === isPinned) return;
    const costBytes = this.costOf(entry);
    this.#pinnedBytes += isPinned ? costBytes : -costBytes;
    if (isPinned) {
      this.#pinned.add(entry);
      this.#policy.removed(entry, "gone");
    } else {
      this.#pinned.delete(entry);
      this.#policy.admitted(entry);
    }
  }

  /** What a file of this size counts for. */
  fileCost(sizeBytes: number): number {
    return sizeBytes + this.#fileOverheadBytes;
  }

  /** All files of an object. */
  costOf(entry: IndexEntry): number {
    return entry.storedBytes + this.#fileOverheadBytes * (1 + entry.version - entry.baseVersion);
  }

  /** @throws {CacheError} STORAGE_FULL when a file of this size could not be had, whoever were evicted for it. */
  refuseUnlessPossible(bytes: number): void {
    if (this.#stayingBytes + bytes > this.#bytesMax) throw this.refuse({ bytes });
  }

  /** What puts could still take if all were evicted that may be. */
  get openBytes(): number {
    return this.#bytesMax - this.#stayingBytes - this.#stagedBytes - this.#leavingBytes;
  }

  get #stayingBytes(): number {
    return this.#evicts ? this.#pinnedBytes : this.#heldBytes;
  }

  /** Takes what is free and needs no waiting. False when there is not enough. */
  takeAtOnce(need: Need): boolean {
    if (this.#turn !== undefined || this.#isOver(need)) return false;
    this.#take(need);
    return true;
  }

  /**
   * Takes room, and evicts for it. Where only objects being read could make room, waits for their readers, and lets others go first.
   * @throws {CacheError} STORAGE_FULL when it cannot be had; nothing is taken then.
   */
  async take(need: Need): Promise<void> {
    if (this.takeAtOnce(need)) return;
    const deadlineMs = performance.now() + LIMITS.roomWaitMs;
    while (!(await this.#inTurn(() => this.#takeEvicting(need)))) {
      if (!(await this.changed(deadlineMs - performance.now()))) throw this.refuse(need);
    }
  }

  /** True when something was let go of in time. */
  changed(waitMs: number): Promise<boolean> {
    return this.#changes.next(waitMs);
  }

  /** Somebody who may wait for it has let go of something. */
  stir(): void {
    this.#changes.tell();
  }

  /** Waits for the removals under way. */
  async settled(): Promise<void> {
    while (this.#removals.size > 0) await Promise.all(this.#removals);
  }

  /** Gives back what was taken. */
  release({ bytes, objects = 0 }: Need): void {
    this.#stagedBytes -= bytes;
    this.#stagedObjects -= objects;
    this.stir();
  }

  /** One after the other, first come first served. */
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

  /** False when there may be room later. @throws {CacheError} STORAGE_FULL */
  async #takeEvicting(need: Need): Promise<boolean> {
    while (this.#isOver(need)) {
      const outlook = this.#evictFor(need);
      if (this.#removals.size > 0) await Promise.race(this.#removals);
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
   * Begins to evict as many as are needed, and a few more.
   * @returns "never" when so many may not leave: then nobody has to.
   */
  #evictFor({ bytes, objects = 0 }: Need): "now" | "later" | "never" {
    const eviction = this.#eviction;
    if (eviction === undefined) return "never";
    const plan = new EvictionPlan({
      bytesOver: this.usedBytes - this.#evictingBytes + bytes - this.#bytesMax,
      objectsOver: this.#objects - this.#evictingObjects + this.#stagedObjects + objects - this.#objectsMax,
      spareBytes: Math.min(Math.floor(this.#bytesMax * SPARE_PART), LIMITS.evictedAheadBytesMax),
      freeSoonBytes: Math.max(0, this.#leavingBytes - this.#evictingBytes),
    });
    if (plan.isEnough) return "now";
    for (const victim of this.#policy.victims()) {
      const entry = victim as IndexEntry;
      if (plan.offer(entry, this.costOf(entry), eviction.mayLeave(entry)) === "enough") break;
    }
    const { outlook, victims } = plan.conclude();
    for (const entry of victims) this.#evict(entry, eviction);
    return outlook;
  }

  #evict(entry: IndexEntry, eviction: Eviction): void {
    const costBytes = this.costOf(entry);
    // Nobody is to be named twice while the removal is under way.
    this.#policy.removed(entry, "evicted");
    this.#evictingBytes += costBytes;
    this.#evictingObjects += 1;
    this.#counts.evictedObjects += 1;
    this.#counts.evictedBytes += costBytes;
    const removal = eviction
      .remove(entry)
      .then(() => {
        if (log.isEnabled("debug")) log.debug("evicted", { key: entry.evictionKey, bytes: costBytes });
      })
      .catch((error: unknown) => log.error("object could not be evicted", { key: entry.evictionKey, error }))
      .finally(() => {
        this.#evictingBytes -= costBytes;
        this.#evictingObjects -= 1;
        this.#removals.delete(removal);
      });
    this.#removals.add(removal);
  }

  /** More was found than there is room for: in the background, until it fits or nobody may leave. */
  #trim(): void {
    if (this.#turn !== undefined) return;
    this.take({ bytes: 0 }).then(
      () => {
        this.#isOverfull = false;
      },
      (error: unknown) => {
        if (!this.#isOverfull)
          log.warn("the storage holds more than it may, and nobody can leave", { error });
        this.#isOverfull = true;
      },
    );
  }

  /** The error of a put that gets no room; counted. */
  refuse({ bytes }: Need): CacheError {
    this.#counts.refusals += 1;
    const facts = {
      neededBytes: bytes,
      bytesMax: this.#bytesMax,
      usedBytes: this.usedBytes,
      stagedBytes: this.#stagedBytes,
      pinnedBytes: this.#pinnedBytes,
      leavingBytes: this.#leavingBytes,
    };
    return noRoom(facts, this.#evicts);
  }
}

/** So much of the bound is evicted beyond what is needed. */
const SPARE_PART = 1 / 128;

function nothing(): void {}
