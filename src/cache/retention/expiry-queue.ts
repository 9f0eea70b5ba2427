/**
 * A queue of items by due time: buckets of one second, and a heap of the seconds that have one.
 *
 * A million items of one second are one bucket. Adding and removing is O(1), except for a heap step
 * for the first item of a second. An item removed before its time leaves at most its second in the
 * heap, and the heap is rebuilt when most seconds are empty: memory stays proportional to the
 * items.
 */

const BUCKET_MS = 1000;
/** Below this size the heap is never rebuilt. */
const HEAP_KEPT_MAX = 64;

export class ExpiryQueue<Item> {
  /** By the second in which they are due. */
  readonly #buckets = new Map<number, Set<Item>>();
  /** Seconds, a binary min-heap; some may be empty. */
  #heap: number[] = [];
  #drained: { readonly bucket: Set<Item>; readonly items: Iterator<Item> } | undefined;

  /** Number of seconds with items. */
  get bucketCount(): number {
    return this.#buckets.size;
  }

  /** Number of seconds in the heap. */
  get heapSize(): number {
    return this.#heap.length;
  }

  /** An item is in the queue at most once: delete it before adding it with another time. */
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

  /** Due time of the first item, ms; undefined if there is none. */
  get nextDueMs(): number | undefined {
    while (this.#heap.length > 0 && !this.#buckets.has(this.#heap[0]!)) this.#pop();
    return this.#heap.length === 0 ? undefined : this.#heap[0]! * BUCKET_MS;
  }

  /** Removes and returns up to `countMax` due items. */
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

  /**
   * Reuses the iterator between calls: a new one would skip all removed items of a large bucket
   * again.
   */
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
