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
import { type Eviction, Evictions } from "./evictions.ts";
import type { IndexEntry } from "./index-entry.ts";
import { PutAdmission, type Shortage } from "./put-admission.ts";
import { RoomHolders } from "./room-holders.ts";
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
  /** What it has taken before: that is not given back while it waits. */
  readonly ownBytes?: number;
}

/** Counted since the start. */
export interface EvictionCounts {
  readonly evictedObjects: number;
  readonly evictedBytes: number;
  readonly refusals: number;
}

export class StorageBudget {
  readonly admission = new PutAdmission(this);
  readonly holders = new RoomHolders((entry) => this.costOf(entry));
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
  readonly #evictions: Evictions;
  /** Set while somebody makes room: the end of the last in line. */
  #turn: Promise<void> | undefined;
  /** Told when bytes were given back. */
  readonly #changes = new Changes();
  /** When those who hold room were last looked at. */
  #lookedAtMs = 0;
  #isTrimming = false;
  /** True when this was said in the log. */
  #isOverfull = false;
  #refusals = 0;

  constructor(options: StorageBudgetOptions) {
    this.#policy = options.policy;
    this.#evictions = new Evictions(options.policy);
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
    const { evictedObjects, evictedBytes } = this.#evictions;
    return { evictedObjects, evictedBytes, refusals: this.#refusals };
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
    return entry.storedBytes + this.#fileOverheadBytes * (1 + entry.patchCount);
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
   * Takes room, and evicts for it. Where only readers and other puts could make room, waits for them, and lets others go first.
   * @throws {CacheError} STORAGE_FULL when it cannot be had; nothing is taken then.
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

  /** Somebody who may wait for it has let go of something. */
  stir(): void {
    this.#changes.tell();
  }

  /** Waits for the removals under way. */
  settled(): Promise<void> {
    return this.#evictions.settled();
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
   * Begins to evict as many as are needed, and a few more.
   * @returns "never" when so many may not leave: then nobody has to.
   */
  #evictFor({ bytes, objects = 0, ownBytes = 0 }: Need): "now" | "later" | "never" {
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
    // Without a look at each object: whoever waits asks again and again.
    const mostBytes = shortage.freeSoonBytes + this.#heldBytes - this.#stayingBytes;
    if (shortage.bytesOver > mostBytes + shortage.stagedBytes) return "never";
    if (shortage.bytesOver > mostBytes) return "later";
    const plan = new EvictionPlan(shortage);
    if (plan.isEnough) return "now";
    for (const victim of this.#policy.victims()) {
      const entry = victim as IndexEntry;
      if (plan.offer(entry, this.costOf(entry), eviction.mayLeave(entry)) === "enough") break;
    }
    const { outlook, victims } = plan.conclude();
    for (const entry of victims) evicting.begin(entry, this.costOf(entry), eviction);
    return outlook;
  }

  /** More was found than there is room for: in the background, until it fits or nobody may leave. */
  #trim(): void {
    if (this.#turn !== undefined || this.#isTrimming) return;
    this.#isTrimming = true;
    this.take({ bytes: 0 })
      .then(
        () => {
          this.#isOverfull = false;
        },
        (error: unknown) => {
          if (!this.#isOverfull)
            log.warn("the storage holds more than it may, and nobody can leave", { error });
          this.#isOverfull = true;
        },
      )
      .finally(() => {
        this.#isTrimming = false;
      });
  }

  /** The error of a put that gets no room; counted. */
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
    return noRoom(facts, this.#evicts);
  }
}

/** So much of the bound is evicted beyond what is needed. */
const SPARE_PART = 1 / 128;

function nothing(): void {}
