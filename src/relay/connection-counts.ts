/**
 * Open connections per thread in shared memory, so that the limit on connections covers all
 * threads.
 *
 * Each thread writes only its own slot, so the host can reset the slot of a thread that died.
 */
import type { ConnectionCount } from "../grpc/listeners.ts";

export class ConnectionCounts {
  /** Shared memory, one slot per thread. */
  readonly places: Int32Array;

  /** @param places the host's slots, in another thread; a number allocates them. */
  constructor(places: Int32Array | number) {
    this.places =
      typeof places === "number"
        ? new Int32Array(new SharedArrayBuffer(places * Int32Array.BYTES_PER_ELEMENT))
        : places;
  }

  get total(): number {
    let total = 0;
    for (let i = 0; i < this.places.length; i++) total += Atomics.load(this.places, i);
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
        Atomics.add(this.places, thread, connections);
      },
    };
  }

  /** The thread died, and its connections closed. */
  clear(thread: number): void {
    Atomics.store(this.places, thread, 0);
  }
}
