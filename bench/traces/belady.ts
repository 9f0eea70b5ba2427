/**
 * The optimum, which knows the future: who is read again last leaves first, and what would leave at once is not let in.
 *
 * Source: L. Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal 1966. With objects
 * of one size no policy can hit more often. With different sizes finding the optimum is NP-hard, and one that prefers
 * small objects may have a higher ratio of objects: then it is a mark to measure by, not a bound.
 */
import { HitCount, type HitRatios } from "./player.ts";
import { DELETE, GET, idOf, kindOf, PUT, type Trace } from "./trace.ts";

const NEVER = 2 ** 32 - 1;

/** For each event the index of the next get of its object, or NEVER; what is put or deleted before that is not read again. */
function nextReads(trace: Trace): Uint32Array {
  const next = new Uint32Array(trace.events.length);
  const following = new Uint32Array(trace.sizes.length).fill(NEVER);
  for (let at = trace.events.length - 1; at >= 0; at -= 1) {
    const event = trace.events[at]!;
    const id = idOf(event);
    next[at] = following[id]!;
    following[id] = kindOf(event) === GET ? at : NEVER;
  }
  return next;
}

/** A heap of ids, those whose next read is farthest away first; an id may be in it more than once. */
class FarthestFirst {
  readonly #heap: { readonly id: number; readonly nextRead: number }[] = [];

  add(id: number, nextRead: number): void {
    const heap = this.#heap;
    let at = heap.length;
    const entry = { id, nextRead };
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.nextRead >= nextRead) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  take(): { readonly id: number; readonly nextRead: number } {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child + 1 < heap.length && heap[child + 1]!.nextRead > heap[child]!.nextRead) child += 1;
      if (child >= heap.length || heap[child]!.nextRead <= last.nextRead) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

export function playOptimum(trace: Trace, bytesMax: number): HitRatios {
  const next = nextReads(trace);
  const hits = new HitCount();
  /** Next read of those who are held. */
  const held = new Map<number, number>();
  const farthest = new FarthestFirst();
  let heldBytes = 0;
  const drop = (id: number): void => {
    if (held.delete(id)) heldBytes -= trace.sizes[id]!;
  };
  trace.events.forEach((event, at) => {
    const [id, kind] = [idOf(event), kindOf(event)];
    const sizeBytes = trace.sizes[id]!;
    if (kind === GET) hits.count(sizeBytes, held.has(id));
    if (kind === PUT || kind === DELETE) drop(id);
    const nextRead = next[at]!;
    if (kind === DELETE || nextRead === NEVER || sizeBytes > bytesMax) {
      drop(id);
      return;
    }
    if (!held.has(id)) heldBytes += sizeBytes;
    held.set(id, nextRead);
    farthest.add(id, nextRead);
    while (heldBytes > bytesMax) {
      const { id: candidate, nextRead: expected } = farthest.take();
      if (held.get(candidate) === expected) drop(candidate);
    }
  });
  return hits.ratios;
}
