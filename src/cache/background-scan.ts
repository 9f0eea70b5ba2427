/**
 * The background scan as the cache holds it: begun once, waited for by lists, told of what leaves meanwhile.
 *
 * When everything was seen, what was asked for objects that are no more is settled.
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

/** Somebody who waits for the count of found objects. */
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

  /** True when nothing more is to come: the index knows everything, or the scan was ended before. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when so many more objects were found, one at least, or the scan is over. */
  async foundMore(objects: number): Promise<void> {
    if (this.#isOver) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push({ until: this.#foundObjects + Math.max(objects, 1), resolve });
    });
  }

  /** Resolves when it is over. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** An object left, and nothing of it is in the storage any more. */
  isGone(key: ObjectKey): void {
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
      await retention.settle((key) => locks.run(formatObjectKey(key), () => findLocked(key)), signal);
    } catch (error) {
      log.warn("what was asked for objects that are no more is kept until the next start", { error });
    }
  }
}
