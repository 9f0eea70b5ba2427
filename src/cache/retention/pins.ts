/**
 * Which objects must not be evicted: those pinned by their key, by their session or by their application, for good or for
 * a time (a lease).
 *
 * A pin has the name it was set with and ends by that name; it stays when its object is replaced and goes when it is
 * deleted. Cost of a question: nothing while nobody has pinned anything, else up to three looks into a map.
 */
import type { ObjectKey } from "../../object/object-key.ts";
import { ExpiryQueue } from "./expiry-queue.ts";

export interface Pin {
  /** `app`, `app/session` or `app/session/object`. */
  readonly name: string;
  /** Infinity: until it is unpinned. */
  readonly untilMs: number;
}

export class Pins {
  readonly #pins = new Map<string, Pin>();
  readonly #leases = new ExpiryQueue<Pin>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get count(): number {
    return this.#pins.size;
  }

  all(): Iterable<Pin> {
    return this.#pins.values();
  }

  get(name: string): Pin | undefined {
    return this.#pins.get(name);
  }

  isPinned({ applicationId, sessionId, objectId }: ObjectKey): boolean {
    if (this.#pins.size === 0) return false;
    const session = `${applicationId}/${sessionId}`;
    return this.#holds(applicationId) || this.#holds(session) || this.#holds(`${session}/${objectId}`);
  }

  set(pin: Pin): void {
    this.delete(pin.name);
    this.#pins.set(pin.name, pin);
    if (Number.isFinite(pin.untilMs)) this.#leases.add(pin, pin.untilMs);
  }

  /** False when there was none. */
  delete(name: string): boolean {
    const pin = this.#pins.get(name);
    if (pin === undefined) return false;
    this.#pins.delete(name);
    if (Number.isFinite(pin.untilMs)) this.#leases.delete(pin, pin.untilMs);
    return true;
  }

  /** When the next lease ends, ms. */
  get nextEndMs(): number | undefined {
    return this.#leases.nextDueMs;
  }

  /** Names whose lease is over; they are no longer pinned by it. */
  takeEnded(countMax: number): string[] {
    const ended = this.#leases.takeDue(this.#nowMs(), countMax);
    for (const { name } of ended) this.#pins.delete(name);
    return ended.map(({ name }) => name);
  }

  #holds(name: string): boolean {
    const pin = this.#pins.get(name);
    return pin !== undefined && pin.untilMs > this.#nowMs();
  }
}
