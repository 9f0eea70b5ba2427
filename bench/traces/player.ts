/**
 * Plays a trace to a policy through an owner: a storage whose puts all bring their objects in, or a
 * memory tier over an engine, in which a put replaces the older copy only if the object is small.
 *
 * In both a get that misses brings the object in, space is made before an object comes, and an
 * object larger than the whole cache passes by.
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

  /** As the tier does: the object is a new one to the policy. */
  replace(id: number, { sizeBytes, isKept }: { sizeBytes: number; isKept: boolean }): void {
    this.drop(id, "deleted");
    if (isKept) this.bring(id, sizeBytes);
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

/** @param tier if the cache is a memory tier, which puts it admits; otherwise it is the storage. */
export function play(
  trace: Trace,
  policy: EvictionPolicy,
  { bytesMax, tier }: { readonly bytesMax: number; readonly tier?: { readonly putBytesMax: number } },
): HitRatios {
  const cache = new TracedCache(policy, bytesMax);
  const hits = new HitCount();
  for (const event of trace.events) {
    const [id, kind] = [idOf(event), kindOf(event)];
    const sizeBytes = trace.sizes[id]!;
    if (kind === DELETE) cache.drop(id, "deleted");
    else if (kind === GET) {
      const isHit = cache.read(id);
      hits.count(sizeBytes, isHit);
      if (!isHit) cache.bring(id, sizeBytes);
    } else if (tier === undefined) cache.bring(id, sizeBytes);
    else cache.replace(id, { sizeBytes, isKept: sizeBytes <= tier.putBytesMax });
  }
  return hits.ratios;
}
