/**
 * Reads fields of flatbuffer tables, enough for the headers of Arrow messages. Pure.
 *
 * Source: FlatBuffers, "Internals". Every access goes through a DataView, which throws a RangeError
 * outside of the bytes, so hostile offsets cannot reach anything else.
 */

const SCHEMA_MESSAGE = 1;
const TENSOR_MESSAGE = 4;
const CONTINUATION = 0xffff_ffff;
const PREFIX_BYTES = 8;

export class FlatTable {
  readonly #view: DataView;
  readonly #position: number;

  constructor(view: DataView, position: number) {
    this.#view = view;
    this.#position = position;
  }

  static root(bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new FlatTable(view, view.getUint32(0, true));
  }

  uint8(slot: number, missing: number): number {
    const at = this.#field(slot);
    return at === undefined ? missing : this.#view.getUint8(at);
  }

  int16(slot: number, missing: number): number {
    const at = this.#field(slot);
    return at === undefined ? missing : this.#view.getInt16(at, true);
  }

  int32(slot: number, missing: number): number {
    const at = this.#field(slot);
    return at === undefined ? missing : this.#view.getInt32(at, true);
  }

  int64(slot: number, missing: number): number {
    const at = this.#field(slot);
    return at === undefined ? missing : Number(this.#view.getBigInt64(at, true));
  }

  table(slot: number): FlatTable | undefined {
    const at = this.#field(slot);
    return at === undefined ? undefined : this.#target(at);
  }

  /** @param lengthMax a longer vector is refused */
  tables(slot: number, lengthMax: number): FlatTable[] {
    const { start, length } = this.#vector(slot, lengthMax);
    return Array.from({ length }, (_, index) => this.#target(start + 4 * index));
  }

  int64s(slot: number, lengthMax: number): number[] {
    const { start, length } = this.#vector(slot, lengthMax);
    return Array.from({ length }, (_, index) => Number(this.#view.getBigInt64(start + 8 * index, true)));
  }

  /** A struct is in the table itself. @param offset of an int64 in it */
  structInt64(slot: number, offset: number): number | undefined {
    const at = this.#field(slot);
    return at === undefined ? undefined : Number(this.#view.getBigInt64(at + offset, true));
  }

  #vector(slot: number, lengthMax: number): { start: number; length: number } {
    const at = this.#field(slot);
    if (at === undefined) return { start: 0, length: 0 };
    const start = at + this.#view.getUint32(at, true);
    const length = this.#view.getUint32(start, true);
    if (length > lengthMax) throw new RangeError("a vector is too long");
    return { start: start + 4, length };
  }

  #target(at: number): FlatTable {
    return new FlatTable(this.#view, at + this.#view.getUint32(at, true));
  }

  #field(slot: number): number | undefined {
    const vtable = this.#position - this.#view.getInt32(this.#position, true);
    const entry = 4 + 2 * slot;
    if (entry + 2 > this.#view.getUint16(vtable, true)) return undefined;
    const offset = this.#view.getUint16(vtable + entry, true);
    return offset === 0 ? undefined : this.#position + offset;
  }
}

export interface FramedMessage {
  readonly kind: "schema" | "tensor" | "other";
  /** The table of the header type: Schema, RecordBatch, Tensor ... */
  readonly header: FlatTable;
  readonly bodyStart: number;
  /** Start of the next message. */
  readonly end: number;
}

/** The encapsulated message at `start`; undefined if there is none or if its header is cut off. */
export function readMessage(bytes: Uint8Array, start: number): FramedMessage | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (start + PREFIX_BYTES > bytes.length || view.getUint32(start, true) !== CONTINUATION) return undefined;
  const headerBytes = view.getInt32(start + 4, true);
  const bodyStart = start + PREFIX_BYTES + headerBytes;
  if (headerBytes <= 0 || bodyStart > bytes.length) return undefined;
  const message = FlatTable.root(bytes.subarray(start + PREFIX_BYTES, bodyStart));
  const header = message.table(2);
  const bodyBytes = message.int64(3, 0);
  if (header === undefined || !(bodyBytes >= 0)) return undefined;
  return { kind: kindOf(message.uint8(1, 0)), header, bodyStart, end: bodyStart + bodyBytes };
}

function kindOf(type: number): FramedMessage["kind"] {
  if (type === SCHEMA_MESSAGE) return "schema";
  return type === TENSOR_MESSAGE ? "tensor" : "other";
}

/** The complete messages at the start of an IPC stream that may be cut off. */
export function wholeMessages(bytes: Uint8Array): Uint8Array {
  let end = 0;
  for (let message = readMessage(bytes, end); message !== undefined; message = readMessage(bytes, end)) {
    if (message.end > bytes.length || message.end <= end) break;
    end = message.end;
  }
  return bytes.subarray(0, end);
}
