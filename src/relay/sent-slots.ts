/**
 * The values that were last sent to the other thread, in slots that both threads number alike. A
 * repeated value is sent as its slot number.
 *
 * For header blocks: a client sends the same few blocks for nearly all calls, and the decoder
 * returns one object for equal blocks. For client certificates: each connection has one. A new value
 * replaces the oldest.
 * Cost: a map lookup; without it most bytes of a small call would be header blocks.
 */

/** The slot of a value that is not kept. */
export const NO_SLOT = -1;

export class SentSlots<T extends object> {
  readonly #values: T[] = [];
  readonly #slots = new WeakMap<T, number>();
  readonly #slotsMax: number;
  #next = 0;

  constructor(slotsMax: number) {
    this.#slotsMax = slotsMax;
  }

  /** The value's slot on the other side; undefined if the value must be sent. */
  slotOf(value: T): number | undefined {
    const slot = this.#slots.get(value);
    return slot !== undefined && this.#values[slot] === value ? slot : undefined;
  }

  /** Keeps a value that is sent now. @returns its slot on the other side */
  keep(value: T): number {
    const slot = this.#next;
    this.#next = (slot + 1) % this.#slotsMax;
    this.#values[slot] = value;
    this.#slots.set(value, slot);
    return slot;
  }
}
