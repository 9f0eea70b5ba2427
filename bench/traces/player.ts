/**
 * Plays a trace to a policy through an owner like the cache's: a get that misses brings the object in, room is made
 * before an object comes, and what is larger than the whole cache passes by.
 */
import { Evictable, type EvictionPolicy } from "../../src/eviction/eviction-policy.ts";
import { DELETE, GET, idOf, kindOf, type Trace } from "./trace.ts";

export interface HitRatios {
  /** Gets that hit, of all gets. */
  readonly objects: number;
  /** Bytes of the gets that hit, of the bytes of all gets. */
  readonly bytes: number;
}

/** Counts gets; both policies and the optimum are counted by it. */
export class HitCount {
  #gets = 0;
  #hits = 0;
  #getBytes = 0;
  #hitBytes = 0;

  count(sizeBytes: number, isHit: boolean): void {
    this.#gets += 1;
    this.#getBytes += sizeBytes;
    if (!isHit) return;
    this.#hits += 1;
    this.#hitBytes += sizeBytes;
  }

  get ratios(): HitRatios {
    return { objects: this.#hits / this.#gets, bytes: this.#hitBytes / this.#getBytes };
  }
}

class TracedObject extends Evictable {
  readonly id: number;
  readonly costBytes: number;

  constructor(id: number, costBytes: number) {
    super();
    this.id = id;
    this.costBytes = costBytes;
  }

  get evictionKey(): string {
    return `trace/session/${this.id}`;
  }
}

class TracedCache {
  readonly #policy: EvictionPolicy;
  readonly #bytesMax: number;
  readonly #held = new Map<number, TracedObject>();
  #heldBytes = 0;

  constructor(policy: EvictionPolicy, bytesMax: number) {
    this.#policy = policy;
    this.#bytesMax = bytesMax;
  }

  /** @returns whether it was there. */
  read(id: number): boolean {
    const held = this.#held.get(id);
    if (held === undefined) return false;
    this.#policy.touched(held);
    return true;
  }

  bring(id: number, sizeBytes: number): void {
    const known = this.#held.get(id);
    if (known !== undefined) this.#policy.admitted(known);
    else if (this.#makeRoom(sizeBytes)) this.#add(id, sizeBytes);
  }

  #add(id: number, sizeBytes: number): void {
    const held = new TracedObject(id, sizeBytes);
    this.#held.set(id, held);
    this.#heldBytes += sizeBytes;
    this.#policy.admitted(held);
  }

  drop(id: number, reason: "evicted" | "deleted"): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    this.#held.delete(id);
    this.#heldBytes -= held.costBytes;
    this.#policy.removed(held, reason);
  }

  #makeRoom(sizeBytes: number): boolean {
    if (sizeBytes > this.#bytesMax) return false;
    const fits = (): boolean => this.#heldBytes + sizeBytes <= this.#bytesMax;
    if (fits()) return true;
    for (const victim of this.#policy.victims()) {
      this.drop((victim as TracedObject).id, "evicted");
      if (fits()) return true;
    }
    return false;
  }
}

export function play(trace: Trace, policy: EvictionPolicy, bytesMax: number): HitRatios {
  const cache = new TracedCache(policy, bytesMax);
  const hits = new HitCount();
  for (const event of trace.events) {
    const [id, kind] = [idOf(event), kindOf(event)];
    const sizeBytes = trace.sizes[id]!;
    if (kind === DELETE) {
      cache.drop(id, "deleted");
      continue;
    }
    const isHit = kind === GET && cache.read(id);
    if (kind === GET) hits.count(sizeBytes, isHit);
    if (!isHit) cache.bring(id, sizeBytes);
  }
  return hits.ratios;
}
