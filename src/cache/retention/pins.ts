/**
 * Pins protect objects from eviction: by key, by session or by application, permanently or for a
 * time (a lease).
 *
 * A pin is identified by its name. It stays when its object is replaced and ends when the object is
 * deleted. Cost of a check: nothing without pins, otherwise up to three map lookups.
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

  /** Names of the pins that protect an object. */
  namesFor({ applicationId, sessionId, objectId }: ObjectKey): string[] {
    const session = `${applicationId}/${sessionId}`;
    return [applicationId, session, `${session}/${objectId}`].filter((name) => this.#holds(name));
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

  /** @returns false if there was none. */
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

  /** Removes ended leases and returns their names. */
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
