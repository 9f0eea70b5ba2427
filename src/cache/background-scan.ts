/**
 * The background scan as the cache holds it: begun once, waited for by lists, told of what leaves meanwhile.
 *
 * When everything was seen, what was asked for objects that are no more is settled.
 */
import { logFor } from "../log.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import type { IndexEntry } from "./index-entry.ts";
import { RemovedMeanwhile } from "./removed-meanwhile.ts";
import type { Retention } from "./retention/retention.ts";
import { type ScanHost, scanStorage } from "./scan-storage.ts";

const log = logFor("cache");

export interface BackgroundScanHost extends Omit<ScanHost, "removed"> {
  readonly retention: Retention;
  /** As `find`, expired or not; the lock is held by the caller. */
  findLocked(key: ObjectKey): Promise<IndexEntry | undefined>;
}

export class BackgroundScan {
  readonly #host: BackgroundScanHost;
  readonly #removed = new RemovedMeanwhile();
  #ended: Promise<void> = Promise.resolve();

  constructor(host: BackgroundScanHost) {
    this.#host = host;
  }

  begin(signal: AbortSignal): void {
    this.#ended = this.#run(signal);
  }

  /** Resolves when the index knows everything, or the scan was ended before. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** An object left, and nothing of it is in the storage any more. */
  isGone(key: ObjectKey): void {
    this.#removed.add(formatObjectKey(key));
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { locks, retention, findLocked } = this.#host;
    await scanStorage({ ...this.#host, removed: this.#removed }, signal);
    try {
      await retention.settle((key) => locks.run(formatObjectKey(key), () => findLocked(key)), signal);
    } catch (error) {
      log.warn("what was asked for objects that are no more is kept until the next start", { error });
    }
  }
}
