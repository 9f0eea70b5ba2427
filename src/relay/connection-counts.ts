/**
 * Open connections per thread in shared memory, so that the limit on connections covers all
 * threads.
 *
 * Each thread writes only its own slot, so the host can reset the slot of a thread that died.
 */
import type { ConnectionCount } from "../grpc/listeners.ts";

export class ConnectionCounts {
  /** Shared memory, one slot per thread. */
  readonly counts: Int32Array;

  /** @param counts the number of threads, to allocate counts; or counts that the host allocated. */
  constructor(counts: Int32Array | number) {
    this.counts =
      typeof counts === "number"
        ? new Int32Array(new SharedArrayBuffer(counts * Int32Array.BYTES_PER_ELEMENT))
        : counts;
  }

  get total(): number {
    let total = 0;
    for (let i = 0; i < this.counts.length; i++) total += Atomics.load(this.counts, i);
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
    };
  }

  /** The thread died, and its connections closed. */
  clear(thread: number): void {
    Atomics.store(this.counts, thread, 0);
  }
}
