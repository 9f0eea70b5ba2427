/**
 * The background scan of the cache: started once, awaited by lists, and notified of removals.
 *
 * When it is complete, pins and times to live of objects that no longer exist are dropped.
 */
import { logFor } from "../log.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import { RemovedMeanwhile } from "./removed-meanwhile.ts";
import type { Retention } from "./retention/retention.ts";
import { type ScanHost, scanStorage } from "./scan-storage.ts";

const log = logFor("cache");

export interface BackgroundScanHost extends Omit<ScanHost, "removed" | "progressed"> {
  readonly retention: Retention;
}

/** A caller that waits for more found objects. */
interface Waiter {
  readonly until: number;
  readonly resolve: () => void;
}

export class BackgroundScan {
  readonly #host: BackgroundScanHost;
  readonly #removed = new RemovedMeanwhile();
  #ended: Promise<void> = Promise.resolve();
  #isOver = true;
  #foundObjects = 0;
  #waiting: Waiter[] = [];

  constructor(host: BackgroundScanHost) {
    this.#host = host;
  }

  begin(signal: AbortSignal): void {
    this.#isOver = false;
    this.#ended = this.#run(signal).finally(() => {
      this.#isOver = true;
      this.#progressed(Number.POSITIVE_INFINITY);
    });
  }

  /** True if nothing more will come: the scan is complete or was ended early. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when this many more objects were found, at least one, or the scan is over. */
  async foundMore(objects: number): Promise<void> {
    if (this.#isOver) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push({ until: this.#foundObjects + Math.max(objects, 1), resolve });
    });
  }

  get ended(): Promise<void> {
    return this.#ended;
  }

  /** The object and all of its files were removed. */
  removed(key: ObjectKey): void {
    this.#removed.add(formatObjectKey(key));
  }

  #progressed(objects: number): void {
    this.#foundObjects += objects;
    const reached = this.#waiting.filter(({ until }) => until <= this.#foundObjects);
    if (reached.length === 0) return;
    this.#waiting = this.#waiting.filter(({ until }) => until > this.#foundObjects);
    for (const { resolve } of reached) resolve();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { locks, retention, findLocked } = this.#host;
    const progressed = (objects: number) => this.#progressed(objects);
    await scanStorage({ ...this.#host, removed: this.#removed, progressed }, signal);
    try {
      await retention.dropStale((key) => locks.run(formatObjectKey(key), () => findLocked(key)), signal);
    } catch (error) {
      log.warn("pins and times to live of deleted objects are kept until the next start", { error });
    }
  }
}
