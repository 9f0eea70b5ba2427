/**
 * Looks at the attacked process from outside while it is attacked: its peak, and whether it is as before again.
 *
 * Where memory is to be bounded and no cgroup could be made, it ends the process that holds more.
 */
import { setTimeout } from "node:timers/promises";
import type { AttackedCache } from "./attacked-cache.ts";
import { BOUNDS } from "./bounds.ts";
import type { ProcessState } from "./measured.ts";
import * as figures from "./process-figures.ts";

export const SAMPLE_MS = 50;

const GONE: ProcessState = { rssBytes: 0, descriptors: 0 };

export class ServerWatch {
  readonly #cache: AttackedCache;
  readonly #pid: number;
  readonly #groupBytes: number | undefined;
  readonly #before: ProcessState;
  #peak = GONE;
  #hasEnded = false;

  constructor(cache: AttackedCache, groupBytes: number | undefined) {
    this.#cache = cache;
    this.#pid = cache.server.pid;
    this.#groupBytes = groupBytes;
    this.#before = this.now;
    figures.forgetPeak(this.#pid);
  }

  get isAlive(): boolean {
    return figures.isRunning(this.#pid);
  }

  get before(): ProcessState {
    return this.#before;
  }

  get peak(): ProcessState {
    return this.#peak;
  }

  get now(): ProcessState {
    try {
      return { rssBytes: figures.residentBytes(this.#pid), descriptors: figures.descriptorsOf(this.#pid) };
    } catch {
      // It ended.
      return GONE;
    }
  }

  sample(): ProcessState {
    const now = this.now;
    if (now === GONE) return now;
    this.#peak = {
      rssBytes: Math.max(this.#peak.rssBytes, now.rssBytes, figures.peakBytes(this.#pid)),
      descriptors: Math.max(this.#peak.descriptors, now.descriptors),
    };
    const mayEnd = this.#groupBytes !== undefined && this.#cache.group === undefined;
    if (mayEnd && now.rssBytes > (this.#groupBytes ?? 0)) {
      this.#hasEnded = true;
      process.kill(this.#pid, "SIGKILL");
    }
    return now;
  }

  /** Waits until all is as before. @returns how long that took; Infinity when it takes longer than it may */
  async recovery(): Promise<number> {
    const begun = performance.now();
    while (this.isAlive && performance.now() - begun < BOUNDS.recoveryMs) {
      const { rssBytes, descriptors } = this.sample();
      const isBack =
        rssBytes <= this.#before.rssBytes + BOUNDS.keptBytes &&
        descriptors <= this.#before.descriptors + BOUNDS.keptDescriptors;
      if (isBack) return performance.now() - begun;
      await setTimeout(SAMPLE_MS);
    }
    return Number.POSITIVE_INFINITY;
  }

  /** How memory was bounded; undefined when it was not. */
  get boundedBy(): string | undefined {
    if (this.#groupBytes === undefined) return undefined;
    const { group, missingGroup } = this.#cache;
    if (group === undefined) {
      return `no cgroup (${missingGroup}): ended above the bound${this.#hasEnded ? ", as it was" : ""}`;
    }
    const peak = Math.round(group.peakBytes() / 2 ** 20);
    return `in a cgroup: peak ${peak} MiB with page cache, ended ${group.kills()} times`;
  }
}
