/**
 * Takes the data cells out of an incoming opaque batch while its body passes by.
 *
 * All cells of one batch lie next to each other, so two numbers are enough: the first and the last offset.
 * They are picked out of the passing bytes, and what lies between them is given on as views. Nothing is collected.
 *
 *     buffers: 0 version validity, 1 version values, 2 data validity, 3 data offsets, 4 data values
 */
import type { BatchLayout } from "../arrow/message.ts";
import { CacheError } from "../errors.ts";

interface Watch {
  readonly start: number;
  readonly bytes: Buffer;
}

export class OpaqueBody {
  readonly #first: Watch;
  readonly #last: Watch;
  readonly #valuesStart: number;
  readonly #valuesSizeBytes: number;
  readonly #isEmpty: boolean;
  #position = 0;
  #cells: { start: number; end: number } | undefined;

  /** @throws {CacheError} INVALID_IPC when the buffers do not fit the schema, INVALID_REQUEST when they are compressed. */
  constructor(layout: BatchLayout, offsetBytes: 4 | 8) {
    if (layout.compression !== "none") {
      throw new CacheError(
        "INVALID_REQUEST",
        "an opaque value is put uncompressed; compress its bytes instead",
      );
    }
    const buffers = layout.buffers();
    if (buffers.length !== 5 || layout.nodes().length !== 2) {
      throw new CacheError("INVALID_IPC", "an opaque batch has two columns in five buffers");
    }
    const offsets = buffers[3]!;
    const values = buffers[4]!;
    this.#isEmpty = layout.rowCount === 0;
    this.#valuesStart = values.offset;
    this.#valuesSizeBytes = values.sizeBytes;
    this.#first = { start: offsets.offset, bytes: Buffer.alloc(offsetBytes) };
    this.#last = { start: offsets.offset + layout.rowCount * offsetBytes, bytes: Buffer.alloc(offsetBytes) };
    if (this.#isEmpty) return;
    if (offsets.sizeBytes < (layout.rowCount + 1) * offsetBytes) {
      throw new CacheError("INVALID_IPC", "an opaque batch has fewer offsets than rows");
    }
    if (values.sizeBytes > 0 && values.offset < this.#last.start + offsetBytes) {
      throw new CacheError("INVALID_IPC", "an opaque batch has its values before its offsets");
    }
  }

  /** @returns the parts of these views that are data, in order. @throws {CacheError} INVALID_IPC */
  take(views: readonly Buffer[]): Buffer[] {
    const data: Buffer[] = [];
    for (const view of views) {
      if (!this.#isEmpty) this.#takeFrom(view, data);
      this.#position += view.length;
    }
    return data;
  }

  /** Called when the body has ended. @throws {CacheError} INVALID_IPC when it ended before its data did. */
  end(): void {
    if (this.#isEmpty) return;
    const cells = this.#cells ?? this.#readCells();
    if (cells.end > cells.start && this.#position < cells.end) {
      throw new CacheError("INVALID_IPC", "an opaque body ends before its data");
    }
  }

  #takeFrom(view: Buffer, data: Buffer[]): void {
    if (this.#cells === undefined) {
      this.#pick(this.#first, view);
      this.#pick(this.#last, view);
      if (this.#position + view.length < this.#last.start + this.#last.bytes.length) return;
      this.#cells = this.#readCells();
    }
    const from = Math.max(this.#cells.start - this.#position, 0);
    const to = Math.min(this.#cells.end - this.#position, view.length);
    if (from < to) data.push(view.subarray(from, to));
  }

  #pick(watch: Watch, view: Buffer): void {
    const from = Math.max(watch.start - this.#position, 0);
    const to = Math.min(watch.start + watch.bytes.length - this.#position, view.length);
    if (from < to) view.copy(watch.bytes, this.#position + from - watch.start, from, to);
  }

  #readCells(): { start: number; end: number } {
    const first = readOffset(this.#first.bytes);
    const last = readOffset(this.#last.bytes);
    if (first < 0 || last < first || last > this.#valuesSizeBytes) {
      throw new CacheError("INVALID_IPC", "an opaque batch has offsets outside of its values");
    }
    return { start: this.#valuesStart + first, end: this.#valuesStart + last };
  }
}

function readOffset(bytes: Buffer): number {
  return bytes.length === 4 ? bytes.readInt32LE(0) : Number(bytes.readBigInt64LE(0));
}
