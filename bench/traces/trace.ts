/**
 * A trace: what happens to which object, in order, and how large each object is.
 *
 * Events are packed into one array of 32-bit numbers (2 bits what, 30 bits which), so that a million cost 4 MB.
 */

export const GET = 0;
export const PUT = 1;
export const DELETE = 2;

const KIND_SHIFT = 30;
const ID_MASK = 2 ** KIND_SHIFT - 1;

export interface Trace {
  readonly name: string;
  readonly events: Uint32Array;
  /** Bytes of each object, by its id. */
  readonly sizes: readonly number[];
  /** The most bytes that exist at one time: an object exists from its first event until it is deleted. */
  readonly footprintBytes: number;
}

export function kindOf(event: number): number {
  return event >>> KIND_SHIFT;
}

export function idOf(event: number): number {
  return event & ID_MASK;
}

export class TraceBuilder {
  readonly #events: number[] = [];
  readonly #sizes: number[] = [];
  readonly #living = new Set<number>();
  #livingBytes = 0;
  #footprintBytes = 0;

  get length(): number {
    return this.#events.length;
  }

  /** A new object. @returns its id. */
  object(sizeBytes: number): number {
    return this.#sizes.push(Math.round(sizeBytes)) - 1;
  }

  get(id: number): void {
    this.#live(id);
    this.#events.push(id);
  }

  put(id: number): void {
    this.#live(id);
    this.#events.push(id + PUT * 2 ** KIND_SHIFT);
  }

  delete(id: number): void {
    if (this.#living.delete(id)) this.#livingBytes -= this.#sizes[id]!;
    this.#events.push(id + DELETE * 2 ** KIND_SHIFT);
  }

  build(name: string): Trace {
    const { length } = this.#events;
    if (length === 0) throw new Error(`nothing happens in ${name}`);
    const events = Uint32Array.from(this.#events);
    return { name, events, sizes: this.#sizes, footprintBytes: this.#footprintBytes };
  }

  #live(id: number): void {
    if (this.#living.has(id)) return;
    this.#living.add(id);
    this.#livingBytes += this.#sizes[id]!;
    this.#footprintBytes = Math.max(this.#footprintBytes, this.#livingBytes);
  }
}
