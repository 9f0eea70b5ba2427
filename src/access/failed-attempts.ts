/**
 * Delays callers who present wrong credentials, by their address.
 *
 * The delay doubles with each failure of an address, up to some seconds. The table of addresses and
 * the number of delayed answers are bounded. The failures of an IPv6 address count for its /64
 * network, because one host usually has a whole one.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

interface Failures {
  count: number;
  lastMs: number;
  /** Delayed answers. */
  waiting: number;
}

export class FailedAttempts {
  /** By network, the one whose last failure is the oldest first. */
  readonly #failures = new Map<string, Failures>();
  readonly #timers = new Map<NodeJS.Timeout, () => void>();

  /** Counts a failure. @returns the number of failures of the address in a row. */
  record(address: string): number {
    const network = networkOf(address);
    const failures = this.#recent(network) ?? { count: 0, lastMs: 0, waiting: 0 };
    failures.count += 1;
    failures.lastMs = performance.now();
    this.#failures.delete(network);
    this.#failures.set(network, failures);
    if (this.#failures.size > LIMITS.failedAddressesMax) {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined) this.#failures.delete(oldest);
    }
    return failures.count;
  }

  /** Waits before a failed attempt is answered. Undefined if too many others wait. */
  delayAnswer(address: string): Promise<void> | undefined {
    const failures = this.#recent(networkOf(address));
    return failures === undefined ? undefined : this.#wait(failures);
  }

  /**
   * Waits before a password is checked, if the address failed a short time ago.
   * @throws {CacheError} OVERLOADED if too many others wait: nothing is checked.
   */
  delayCheck(address: string): Promise<void> | undefined {
    const failures = this.#recent(networkOf(address));
    if (failures === undefined) return undefined;
    const waiting = this.#wait(failures);
    if (waiting !== undefined) return waiting;
    throw new CacheError("OVERLOADED", "too many failed attempts from this address; try again in a minute");
  }

  /** Ends all delays. */
  stop(): void {
    for (const [timer, end] of this.#timers) {
      clearTimeout(timer);
      end();
    }
    this.#timers.clear();
  }

  #recent(network: string): Failures | undefined {
    const failures = this.#failures.get(network);
    if (failures === undefined) return undefined;
    return performance.now() - failures.lastMs < LIMITS.failedAttemptMemoryMs ? failures : undefined;
  }

  #wait(failures: Failures): Promise<void> | undefined {
    const isFull =
      failures.waiting >= LIMITS.delayedPerAddressMax || this.#timers.size >= LIMITS.delayedAnswersMax;
    if (isFull) return undefined;
    failures.waiting += 1;
    return new Promise((resolve) => {
      const end = (): void => {
        failures.waiting -= 1;
        this.#timers.delete(timer);
        resolve();
      };
      const timer = setTimeout(end, delayMs(failures.count));
      this.#timers.set(timer, end);
    });
  }
}

function delayMs(count: number): number {
  const doubled = LIMITS.failedAttemptDelayMs * 2 ** Math.min(count - 1, 30);
  return Math.min(doubled, LIMITS.failedAttemptDelayMsMax);
}

/** An IPv4 address itself, and the first 64 bits of an IPv6 address. */
function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [front = "", back] = address.replace(/%.*$/, "").split("::");
  const groups = front === "" ? [] : front.split(":");
  if (back !== undefined) {
    const last = back === "" ? [] : back.split(":");
    while (groups.length + last.length < 8) groups.push("0");
    groups.push(...last);
  }
  return groups.slice(0, 4).join(":");
}
