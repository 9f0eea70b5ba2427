/**
 * Verifies a flatbuffer against its expected tables, as strictly as the C++ and Rust verifiers.
 *
 * FlatbufferReader never reads out of bounds. That is enough for this server, but not for later
 * readers: they refuse misaligned data, strings without NUL, and invalid offsets even in unused
 * fields. Every visit of a table or vector is charged to a budget proportional to the input, as in
 * those verifiers.
 * Source: the FlatBuffers binary format. Alignment is relative to the first byte of the flatbuffer.
 */
import { isUtf8 } from "node:buffer";
import { invalidIpc } from "../invalid-ipc.ts";

/** The content of one slot of a table. A union's tag is in the slot before it. */
export type SlotSpec =
  | { readonly kind: "scalar"; readonly sizeBytes: 1 | 2 | 4 | 8 }
  | { readonly kind: "string"; readonly isUtf8?: boolean; readonly isRequired?: boolean }
  | { readonly kind: "vector"; readonly elementBytes: number; readonly isRequired?: boolean }
  | { readonly kind: "table"; readonly of: () => TableSpec; readonly isRequired?: boolean }
  | { readonly kind: "tables"; readonly of: () => TableSpec; readonly isRequired?: boolean }
  | { readonly kind: "union"; readonly of: ReadonlyMap<number, TableSpec>; readonly isRequired?: boolean };

/** The slots of a table in the order of its .fbs file. */
export type TableSpec = readonly SlotSpec[];

const OFFSET_MAX = 2 ** 31 - 1;
const DEPTH_MAX = 128;
/** As in FlatbufferReader: an honest walk costs about the input once. */
const COST_FACTOR = 4;
const COST_SPARE = 1024;

/** Tables per step: some ten microseconds of work. */
const TABLES_PER_STEP = 32;

/** A vector of tables that is still to be verified. */
interface Pending {
  readonly start: number;
  readonly length: number;
  readonly spec: TableSpec;
  readonly depth: number;
}

/** @throws {CacheError} INVALID_IPC */
export function* verifySteps(bytes: Uint8Array, root: TableSpec): Generator<void, void> {
  const verifier = new Verifier(bytes);
  verifier.tableAt(0, root, 0);
  let tables = 0;
  for (let next = verifier.pending.pop(); next !== undefined; next = verifier.pending.pop()) {
    for (let index = 0; index < next.length; index += 1) {
      verifier.tableAt(next.start + 4 * index, next.spec, next.depth);
      tables += 1;
      if (tables % TABLES_PER_STEP === 0) yield;
    }
  }
}

class Verifier {
  readonly pending: Pending[] = [];
  readonly #view: DataView;
  readonly #sizeBytes: number;
  #costLeft: number;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#sizeBytes = bytes.byteLength;
    this.#costLeft = COST_FACTOR * bytes.byteLength + COST_SPARE;
  }

  /** Verifies the table that the offset at `position` refers to. */
  tableAt(position: number, spec: TableSpec, depth: number): void {
    if (depth > DEPTH_MAX) throw invalidIpc("the message is nested too deeply");
    const table = this.#follow(position);
    this.#check(table, 4, 4);
    const vtable = table - this.#view.getInt32(table, true);
    this.#check(vtable, 2, 2);
    const vtableBytes = this.#view.getUint16(vtable, true);
    if (vtableBytes < 4 || vtableBytes % 2 !== 0) throw invalidIpc("a vtable is malformed");
    this.#check(vtable, vtableBytes, 2);
    this.#pay(4 + vtableBytes);
    for (let slot = 0; slot < spec.length; slot += 1) {
      const place = this.#place(table, vtable, vtableBytes, slot);
      const what = spec[slot]!;
      if (place >= 0) this.#slot(place, what, { table, vtable, vtableBytes, slot, depth });
      else if ("isRequired" in what && what.isRequired) throw invalidIpc("a required field is missing");
    }
  }

  #slot(place: number, what: SlotSpec, at: TablePlace): void {
    switch (what.kind) {
      case "scalar":
        this.#check(place, what.sizeBytes, what.sizeBytes);
        break;
      case "string":
        this.#string(place, what.isUtf8 === true);
        break;
      case "vector":
        this.#vector(place, what.elementBytes);
        break;
      case "table":
        this.tableAt(place, what.of(), at.depth + 1);
        break;
      case "tables":
        this.#tables(place, what.of(), at.depth + 1);
        break;
      case "union":
        this.#union(place, what.of, at);
    }
  }

  #string(place: number, mustBeUtf8: boolean): void {
    const { start, length } = this.#vector(place, 1);
    this.#check(start + length, 1, 1);
    if (this.#view.getUint8(start + length) !== 0) throw invalidIpc("a string does not end in NUL");
    const { buffer, byteOffset } = this.#view;
    if (mustBeUtf8 && !isUtf8(new Uint8Array(buffer, byteOffset + start, length))) {
      throw invalidIpc("a name is not UTF-8");
    }
  }

  #tables(place: number, spec: TableSpec, depth: number): void {
    const { start, length } = this.#vector(place, 4);
    if (length > 0) this.pending.push({ start, length, spec, depth });
  }

  /** Ignores an unknown tag, as readers do; the decoder of the message refuses it. */
  #union(place: number, of: ReadonlyMap<number, TableSpec>, at: TablePlace): void {
    const tag = this.#place(at.table, at.vtable, at.vtableBytes, at.slot - 1);
    const spec = tag < 0 ? undefined : of.get(this.#view.getUint8(tag));
    if (spec === undefined) this.#follow(place);
    else this.tableAt(place, spec, at.depth + 1);
  }

  #vector(place: number, elementBytes: number): { start: number; length: number } {
    const vector = this.#follow(place);
    this.#check(vector, 4, 4);
    const length = this.#view.getUint32(vector, true);
    this.#check(vector + 4, length * elementBytes, 1);
    this.#pay(4 + length * elementBytes);
    return { start: vector + 4, length };
  }

  /** Position of a slot's value, or -1. */
  #place(table: number, vtable: number, vtableBytes: number, slot: number): number {
    const entry = 4 + 2 * slot;
    if (entry + 2 > vtableBytes) return -1;
    const place = this.#view.getUint16(vtable + entry, true);
    return place === 0 ? -1 : table + place;
  }

  #follow(position: number): number {
    this.#check(position, 4, 4);
    const offset = this.#view.getUint32(position, true);
    if (offset === 0 || offset > OFFSET_MAX) throw invalidIpc("an offset is malformed");
    this.#check(position + offset, 1, 1);
    return position + offset;
  }

  #check(position: number, sizeBytes: number, alignment: number): void {
    if (position < 0 || position + sizeBytes > this.#sizeBytes)
      throw invalidIpc("an offset points outside the message");
    if (position % alignment !== 0) throw invalidIpc("a field is not aligned");
  }

  #pay(cost: number): void {
    this.#costLeft -= cost;
    if (this.#costLeft < 0) throw invalidIpc("the same bytes are referenced too often");
  }
}

interface TablePlace {
  readonly table: number;
  readonly vtable: number;
  readonly vtableBytes: number;
  readonly slot: number;
  readonly depth: number;
}
