/**
 * What is due at which time: items in buckets of one second, and a heap of the seconds that have one.
 *
 * A million items of one second are one bucket. Adding and taking out cost O(1), but for the first item of a second, which
 * costs a step of the heap. An item taken out before its time leaves nothing but perhaps its second in the heap, and the
 * heap is made anew when most of its seconds are empty: memory stays in proportion to the items.
 */

const BUCKET_MS = 1000;
/** Below this many the heap is never made anew. */
const HEAP_KEPT_MAX = 64;

export class ExpiryQueue<Item> {
  /** By the second in which they are due. */
  readonly #buckets = new Map<number, Set<Item>>();
  /** Seconds, a binary heap with the first one at the front; some of them may be empty by now. */
  #heap: number[] = [];
  #drained: { readonly bucket: Set<Item>; readonly items: Iterator<Item> } | undefined;

  /** Seconds that have items. */
  get bucketCount(): number {
    return this.#buckets.size;
  }

  /** Seconds that are remembered. */
  get heapSize(): number {
    return this.#heap.length;
  }

  /** An item stands in the queue once: it is taken out before it is added with another time. */
  add(item: Item, atMs: number): void {
    const second = bucketOf(atMs);
    const bucket = this.#buckets.get(second);
    if (bucket !== undefined) {
      bucket.add(item);
      return;
    }
    this.#buckets.set(second, new Set([item]));
    this.#push(second);
  }

  /** @param atMs the time it was added with. */
  delete(item: Item, atMs: number): void {
    const second = bucketOf(atMs);
    const bucket = this.#buckets.get(second);
    if (bucket === undefined || !bucket.delete(item) || bucket.size > 0) return;
    this.#buckets.delete(second);
    if (this.#heap.length > HEAP_KEPT_MAX && this.#heap.length > 2 * this.#buckets.size) this.#rebuild();
  }

  /** When the first item is due, ms; undefined when there is none. */
  get nextDueMs(): number | undefined {
    while (this.#heap.length > 0 && !this.#buckets.has(this.#heap[0]!)) this.#pop();
    return this.#heap.length === 0 ? undefined : this.#heap[0]! * BUCKET_MS;
  }

  /** Takes out up to `countMax` items whose time is over. */
  takeDue(nowMs: number, countMax: number): Item[] {
    const due: Item[] = [];
    for (let next = this.nextDueMs; next !== undefined && next <= nowMs; next = this.nextDueMs) {
      const second = next / BUCKET_MS;
      const bucket = this.#buckets.get(second)!;
      const items = this.#itemsOf(bucket);
      while (bucket.size > 0) {
        if (due.length === countMax) return due;
        const { value } = items.next() as IteratorYieldResult<Item>;
        bucket.delete(value);
        due.push(value);
      }
      this.#buckets.delete(second);
    }
    return due;
  }

  /** The same iterator from call to call: a new one would pass over all that was taken out of a large bucket before. */
  #itemsOf(bucket: Set<Item>): Iterator<Item> {
    if (this.#drained?.bucket !== bucket) this.#drained = { bucket, items: bucket.values() };
    return this.#drained.items;
  }

  /** A sorted array is a heap. */
  #rebuild(): void {
    this.#heap = [...this.#buckets.keys()].sort((a, b) => a - b);
  }

  #push(second: number): void {
    const heap = this.#heap;
    let at = heap.push(second) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]! <= second) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = second;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child += 1;
      if (heap[child]! >= last) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

/** Rounded up: nothing is taken before its time. */
function bucketOf(atMs: number): number {
  return Math.ceil(atMs / BUCKET_MS);
}
