/**
 * A small flatbuffer builder for the few messages that the server creates.
 *
 * Unlike most builders it writes front to back: a table first, then what it refers to, joined by
 * `link`. So the tables can precede existing bytes (schema-metadata.ts). Every given slot is
 * written, even with the default value: messages of the same shape have the same length, whatever
 * their values.
 */
import { assert } from "../errors.ts";

/** The value of one slot of a table; undefined leaves the slot absent. */
export type SlotValue =
  | { readonly sizeBytes: 1 | 2 | 4; readonly value: number }
  | { readonly sizeBytes: 8; readonly value: number | bigint };

/** A slot that is linked to a table, vector or string later. */
export const OFFSET: SlotValue = { sizeBytes: 4, value: 0 };

export function uint8(value: number): SlotValue {
  return { sizeBytes: 1, value };
}

export function int16(value: number): SlotValue {
  return { sizeBytes: 2, value };
}

export function int32(value: number): SlotValue {
  return { sizeBytes: 4, value };
}

export function int64(value: number | bigint): SlotValue {
  return { sizeBytes: 8, value };
}

export interface WrittenTable {
  readonly position: number;
  /** Position of each slot's value; -1 if absent. */
  readonly slots: readonly number[];
}

const SHORT_TEXT_BYTES_MAX = 48;

/** Positions of the values for one shape of table. */
interface TableLayout {
  readonly vtable: Uint8Array;
  /** Position of the vtable modulo 8 that aligns the widest value. */
  readonly vtableRemainder: number;
  readonly tableSizeBytes: number;
  /** By slot, from the start of the table; 0 if absent. */
  readonly places: readonly number[];
}

/** One per shape; this project writes a few dozen shapes. */
const layouts = new Map<number, TableLayout>();

function layoutOf(values: readonly (SlotValue | undefined)[]): TableLayout {
  // The sizes 0, 1, 2, 4, 8 as base-nine digits after a leading one.
  let shape = 1;
  for (const value of values) shape = 9 * shape + (value?.sizeBytes ?? 0);
  assert(Number.isSafeInteger(shape), "a table has at most 16 slots");
  let layout = layouts.get(shape);
  if (layout === undefined) {
    layout = newLayout(values);
    layouts.set(shape, layout);
  }
  return layout;
}

function newLayout(values: readonly (SlotValue | undefined)[]): TableLayout {
  const order = values
    .map((value, slot) => ({ slot, sizeBytes: value?.sizeBytes ?? 0 }))
    .filter((entry) => entry.sizeBytes > 0)
    .sort((a, b) => b.sizeBytes - a.sizeBytes);
  const vtableSizeBytes = 4 + 2 * values.length;
  const vtable = Buffer.alloc(vtableSizeBytes);
  const places = new Array<number>(values.length).fill(0);
  let place = 4;
  for (const { slot, sizeBytes } of order) {
    vtable.writeUInt16LE(place, 4 + 2 * slot);
    places[slot] = place;
    place += sizeBytes;
  }
  vtable.writeUInt16LE(vtableSizeBytes, 0);
  vtable.writeUInt16LE(place, 2);
  // The values begin 4 bytes into the table, so a table with an int64 begins 4 off a multiple of 8.
  const wanted = order[0]?.sizeBytes === 8 ? 4 : 0;
  const vtableRemainder = (16 + wanted - (vtableSizeBytes % 8)) % 8;
  return { vtable, vtableRemainder, tableSizeBytes: place, places };
}

export class FlatbufferWriter {
  #buffer: Buffer;
  #sizeBytes = 4; // the root offset

  /** @param capacityBytes the expected size; a larger result costs a copy. */
  constructor(capacityBytes = 512) {
    // A small one is from Node's pool: a buffer of its own costs a microsecond.
    this.#buffer = Buffer.allocUnsafe(Math.max(capacityBytes, 64)).fill(0);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Pads with zeros until `position % multiple === remainder`. */
  align(multiple: number, remainder = 0): void {
    this.reserve((multiple + remainder - (this.#sizeBytes % multiple)) % multiple);
  }

  /** Appends zeros and returns their position. */
  reserve(sizeBytes: number): number {
    const position = this.#sizeBytes;
    this.#sizeBytes += sizeBytes;
    if (this.#sizeBytes > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(this.#sizeBytes, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, position);
      this.#buffer = larger;
    }
    return position;
  }

  /** Appends bytes and returns their position. One copy. */
  bytes(bytes: Uint8Array): number {
    const position = this.reserve(bytes.byteLength);
    this.#buffer.set(bytes, position);
    return position;
  }

  /**
   * Writes a table and its vtable, the widest values first so that each is aligned without gaps.
   */
  table(values: readonly (SlotValue | undefined)[]): WrittenTable {
    const layout = layoutOf(values);
    this.align(8, layout.vtableRemainder);
    const vtable = this.bytes(layout.vtable);
    const position = this.reserve(layout.tableSizeBytes);
    this.#buffer.writeInt32LE(position - vtable, position);
    const slots: number[] = [];
    for (let slot = 0; slot < values.length; slot++) {
      const value = values[slot];
      const place = value === undefined ? -1 : position + layout.places[slot]!;
      slots.push(place);
      if (value !== undefined) this.#setValue(place, value);
    }
    return { position, slots };
  }

  /**
   * Writes the length of a vector and zeros for its elements, the first one aligned to `alignment`.
   * Returns the position of the length, which offsets refer to; the elements follow 4 bytes later.
   */
  vector(length: number, elementSizeBytes: number, alignment: 4 | 8): number {
    this.align(alignment, alignment - 4);
    const position = this.reserve(4 + length * elementSizeBytes);
    this.#buffer.writeUInt32LE(length, position);
    return position;
  }

  /** Writes a string with its length before and a NUL after it. */
  string(text: string): number {
    const sizeBytes = Buffer.byteLength(text);
    this.align(4);
    const position = this.reserve(4 + sizeBytes + 1);
    this.#buffer.writeUInt32LE(sizeBytes, position);
    if (sizeBytes > SHORT_TEXT_BYTES_MAX || sizeBytes !== text.length) {
      // Single-byte text is written several times faster as latin1.
      this.#buffer.write(text, position + 4, sizeBytes === text.length ? "latin1" : "utf8");
      return position;
    }
    // As many bytes as characters: ASCII. For a short text the loop is cheaper than a call into the
    // runtime.
    for (let index = 0; index < sizeBytes; index++) {
      this.#buffer[position + 4 + index] = text.charCodeAt(index);
    }
    return position;
  }

  /** Makes the offset at `position` refer to `target`, which must come after it. */
  link(position: number, target: number): void {
    assert(target > position && target - position < 2 ** 31, "flatbuffer offsets point forward");
    this.#buffer.writeUInt32LE(target - position, position);
  }

  setInt32(position: number, value: number): void {
    this.#buffer.writeInt32LE(value, position);
  }

  /** Writes a safe integer as an int64. */
  setInt64(position: number, value: number): void {
    this.#buffer.writeUInt32LE(value >>> 0, position);
    this.#buffer.writeInt32LE(Math.floor(value / 2 ** 32), position + 4);
  }

  /** Returns the bytes, without padding at the end. The writer must not be used afterwards. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#sizeBytes);
  }

  #setValue(position: number, slot: SlotValue): void {
    if (slot.sizeBytes === 1) this.#buffer.writeUInt8(slot.value, position);
    else if (slot.sizeBytes === 2) this.#buffer.writeInt16LE(slot.value, position);
    else if (slot.sizeBytes === 4) this.#buffer.writeInt32LE(slot.value, position);
    else if (typeof slot.value === "number") this.setInt64(position, slot.value);
    else this.#buffer.writeBigInt64LE(slot.value, position);
  }
}
