/**
 * Open and refused connections per thread in shared memory, so that the limit on connections covers
 * all threads, and the host can report both.
 *
 * Each thread writes only its own slots, so the host can reset a slot of a thread that died.
 */
import type { ConnectionCount } from "../grpc/accepted-connections.ts";

export class ConnectionCounts {
  /** Shared memory: a slot per thread for open connections, then one per thread for refused ones. */
  readonly counts: Int32Array;

  /** @param counts the number of threads, to allocate counts; or counts that the host allocated. */
  constructor(counts: Int32Array | number) {
    this.counts =
      typeof counts === "number"
        ? new Int32Array(new SharedArrayBuffer(2 * counts * Int32Array.BYTES_PER_ELEMENT))
        : counts;
  }

  get total(): number {
    return this.#sum(0);
  }

  /** Refused since the start; wraps around after two billion. */
  get refused(): number {
    return this.#sum(this.#threads);
  }

  get #threads(): number {
    return this.counts.length / 2;
  }

  #sum(first: number): number {
    let total = 0;
    for (let i = first; i < first + this.#threads; i++) total += Atomics.load(this.counts, i);
    return total;
  }

  /** The count of one thread. */
  of(thread: number): ConnectionCount {
    const total = (): number => this.total;
    return {
      get total() {
        return total();
      },
      add: (connections) => {
        Atomics.add(this.counts, thread, connections);
      },
      refuse: () => {
        Atomics.add(this.counts, this.#threads + thread, 1);
      },
    };
  }

  /** The thread died, and its connections closed. */
  clear(thread: number): void {
    Atomics.store(this.counts, thread, 0);
  }
}
