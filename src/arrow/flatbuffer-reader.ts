/**
 * Bounds-checked reading of untrusted flatbuffers: tables, vectors and strings.
 *
 * Source: the FlatBuffers binary format. Offsets to tables, vectors and strings are unsigned and
 * never 0, so every step goes forward and no walk can cycle; only a table's vtable may lie behind
 * it. A walk can still visit the same bytes repeatedly (shared children, overlapping strings):
 * every visit is therefore charged to a budget proportional to the input, and a walk that exceeds
 * it is refused.
 *
 *     table   int32 back-offset to vtable | slots as the vtable places them
 *     vtable  uint16 own size | uint16 table size | uint16 offset of slot 0 (0: none) | slot 1 ...
 *     vector  uint32 length | elements        string  uint32 length | UTF-8 | NUL (not needed here)
 *
 * Alignment is not required, because views of network bytes have none. Only strings are copied.
 */
import { invalidIpc } from "./invalid-ipc.ts";

/** `latin1` has a character for each byte and takes a tenth of the time: for comparisons. */
export type TextEncoding = "utf8" | "latin1";

/** A run of equal elements inside the bytes; for a string, its UTF-8 bytes. */
export interface VectorRange {
  /** Position of the first element. */
  readonly position: number;
  readonly length: number;
}

const OFFSET_MAX = 2 ** 31 - 1;
/**
 * Writers share only vtables, so an honest walk costs at most the input once; the factor leaves
 * room for sharing.
 */
const WALK_COST_FACTOR = 2;
const WALK_COST_SPARE = 1024;

export class FlatbufferReader {
  readonly sizeBytes: number;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #costLeft: number;

  /** Keeps a view of `bytes`. */
  constructor(bytes: Uint8Array) {
    this.sizeBytes = bytes.byteLength;
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#costLeft = WALK_COST_FACTOR * bytes.byteLength + WALK_COST_SPARE;
  }

  /** The table at the root offset. @throws {CacheError} INVALID_IPC */
  root(): FlatbufferTable {
    return this.tableAt(0);
  }

  /** The table that the offset at `position` refers to. @throws {CacheError} INVALID_IPC */
  tableAt(position: number): FlatbufferTable {
    const table = this.follow(position);
    this.check(table, 4);
    const vtable = table - this.#view.getInt32(table, true);
    this.check(vtable, 4);
    const vtableSizeBytes = this.#view.getUint16(vtable, true);
    const tableSizeBytes = this.#view.getUint16(vtable + 2, true);
    if (vtableSizeBytes < 4 || tableSizeBytes < 4) throw invalidIpc("a vtable is malformed");
    this.check(vtable, vtableSizeBytes);
    this.check(table, tableSizeBytes);
    this.pay(4 + tableSizeBytes);
    return new FlatbufferTable(this, table, vtable, vtableSizeBytes, tableSizeBytes);
  }

  /**
   * The vector that the offset at `position` refers to, with all elements in bounds. @throws
   * {CacheError} INVALID_IPC
   */
  vectorAt(position: number, elementSizeBytes: number): VectorRange {
    const start = this.follow(position);
    this.check(start, 4);
    const length = this.#view.getUint32(start, true);
    this.check(start + 4, length * elementSizeBytes);
    this.pay(4 + length * elementSizeBytes);
    return { position: start + 4, length };
  }

  /** Decodes a string. Invalid UTF-8 becomes U+FFFD, because some writers put binary metadata. */
  text(range: VectorRange, encoding: TextEncoding = "utf8"): string {
    return this.#bytes.toString(encoding, range.position, range.position + range.length);
  }

  /** The bytes of a range as a view. */
  slice(position: number, sizeBytes: number): Buffer {
    this.check(position, sizeBytes);
    return this.#bytes.subarray(position, position + sizeBytes);
  }

  uint8(position: number): number {
    return this.#view.getUint8(position);
  }

  uint16(position: number): number {
    return this.#view.getUint16(position, true);
  }

  int16(position: number): number {
    return this.#view.getInt16(position, true);
  }

  int32(position: number): number {
    return this.#view.getInt32(position, true);
  }

  bigint64(position: number): bigint {
    return this.#view.getBigInt64(position, true);
  }

  /**
   * An int64 as a number. @throws {CacheError} INVALID_IPC if a number cannot represent it exactly.
   */
  int64(position: number): number {
    const value = this.#view.getInt32(position + 4, true) * 2 ** 32 + this.#view.getUint32(position, true);
    if (!Number.isSafeInteger(value)) throw invalidIpc("a 64-bit number is out of range");
    return value;
  }

  /** Refuses a range that is not completely in bounds. */
  check(position: number, sizeBytes: number): void {
    if (position < 0 || position + sizeBytes > this.sizeBytes)
      throw invalidIpc("an offset points outside the message");
  }

  /** The target of an offset. It may be just past the end: the reader of the target checks that. */
  follow(position: number): number {
    this.check(position, 4);
    const offset = this.#view.getUint32(position, true);
    if (offset === 0 || offset > OFFSET_MAX) throw invalidIpc("an offset is malformed");
    return position + offset;
  }

  /** Charges a visit to the budget. @throws {CacheError} INVALID_IPC if the budget is used up. */
  pay(cost: number): void {
    this.#costLeft -= cost;
    if (this.#costLeft < 0) throw invalidIpc("the same bytes are referenced too often");
  }
}

export class FlatbufferTable {
  readonly reader: FlatbufferReader;
  /** Position of the table in the reader's bytes. */
  readonly position: number;
  readonly #vtable: number;
  readonly #vtableSizeBytes: number;
  readonly #tableSizeBytes: number;

  /** Called only by FlatbufferReader, which has checked the ranges. */
  constructor(
    reader: FlatbufferReader,
    position: number,
    vtable: number,
    vtableSizeBytes: number,
    tableSizeBytes: number,
  ) {
    this.reader = reader;
    this.position = position;
    this.#vtable = vtable;
    this.#vtableSizeBytes = vtableSizeBytes;
    this.#tableSizeBytes = tableSizeBytes;
  }

  /**
   * Position of a slot's value, or -1 if absent. @throws {CacheError} INVALID_IPC if it is outside
   * the table.
   */
  find(slot: number, sizeBytes: number): number {
    const entry = 4 + 2 * slot;
    if (entry + 2 > this.#vtableSizeBytes) return -1;
    const place = this.reader.uint16(this.#vtable + entry);
    if (place === 0) return -1;
    if (place < 4 || place + sizeBytes > this.#tableSizeBytes)
      throw invalidIpc("a field lies outside its table");
    return this.position + place;
  }

  uint8(slot: number, absent: number): number {
    const position = this.find(slot, 1);
    return position < 0 ? absent : this.reader.uint8(position);
  }

  boolean(slot: number): boolean {
    return this.uint8(slot, 0) !== 0;
  }

  int16(slot: number, absent: number): number {
    const position = this.find(slot, 2);
    return position < 0 ? absent : this.reader.int16(position);
  }

  int32(slot: number, absent: number): number {
    const position = this.find(slot, 4);
    return position < 0 ? absent : this.reader.int32(position);
  }

  /** @throws {CacheError} INVALID_IPC if the value is not a safe integer. */
  int64(slot: number, absent: number): number {
    const position = this.find(slot, 8);
    return position < 0 ? absent : this.reader.int64(position);
  }

  bigint64(slot: number, absent: bigint): bigint {
    const position = this.find(slot, 8);
    return position < 0 ? absent : this.reader.bigint64(position);
  }

  table(slot: number): FlatbufferTable | undefined {
    const position = this.find(slot, 4);
    return position < 0 ? undefined : this.reader.tableAt(position);
  }

  vector(slot: number, elementSizeBytes: number): VectorRange | undefined {
    const position = this.find(slot, 4);
    return position < 0 ? undefined : this.reader.vectorAt(position, elementSizeBytes);
  }

  string(slot: number, encoding?: TextEncoding): string | undefined {
    const range = this.vector(slot, 1);
    return range === undefined ? undefined : this.reader.text(range, encoding);
  }

  /** The vtable and the table's bytes in hexadecimal, to compare tables of an unknown kind. */
  rawSlots(): string {
    this.reader.pay(2 * (this.#vtableSizeBytes + this.#tableSizeBytes));
    const places = this.reader.slice(this.#vtable + 4, this.#vtableSizeBytes - 4);
    const values = this.reader.slice(this.position + 4, this.#tableSizeBytes - 4);
    return `${places.toString("hex")}:${values.toString("hex")}`;
  }
}
