/**
 * Open connections of each thread, in memory that all of them see: the bound on connections holds for all together.
 *
 * Each thread writes its own place only, so one that died leaves a place that the host can put back to nothing.
 */
import type { ConnectionCount } from "../grpc/listeners.ts";

export class ConnectionCounts {
  /** Shared memory, one place per thread. */
  readonly places: Int32Array;

  /** @param places of the host's counts, in another thread; with a number they are made. */
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

  /** The count as one thread sees it. */
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

  /** The thread died, and its connections with it. */
  clear(thread: number): void {
    Atomics.store(this.places, thread, 0);
  }
}
