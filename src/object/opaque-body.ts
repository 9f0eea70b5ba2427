/**
 * Extracts the value's bytes from an incoming opaque batch while its body passes, as views.
 *
 *     buffers: 0 version validity, 1 version values, 2 data validity, 3 data offsets, 4 data values
 *
 * A few bytes before them determine their position (opaque-cells.ts): two offsets, unless cells are
 * null. Only these bytes are collected.
 */
import type { BatchLayout } from "../arrow/message.ts";
import { CacheError } from "../errors.ts";
import { type CellPlan, type CellRange, planCells } from "./opaque-cells.ts";
import type { ValueCodec } from "./opaque-row.ts";

export class OpaqueBody {
  readonly #plan: CellPlan;
  #position = 0;
  #cells: readonly CellRange[] | undefined;
  /** The first cell that has not passed completely. */
  #nextCell = 0;

  /**
   * @throws {CacheError} INVALID_IPC if the buffers do not fit the schema, INVALID_REQUEST for
   *   compressed rows.
   */
  constructor(layout: BatchLayout, offsetBytes: 4 | 8) {
    this.#plan = planCells(layout, offsetBytes);
    this.#cells = this.#plan.cells;
  }

  /** @returns the parts of these views that are data, in order. @throws {CacheError} INVALID_IPC */
  take(views: readonly Buffer[]): Buffer[] {
    const data: Buffer[] = [];
    for (const view of views) {
      for (const watch of this.#plan.watches) this.#pick(watch, view);
      if (this.#cells === undefined && this.#position + view.length >= this.#plan.decidedAt) {
        this.#cells = this.#plan.locate();
      }
      if (this.#cells !== undefined) this.#takeFrom(this.#cells, view, data);
      this.#position += view.length;
    }
    return data;
  }

  /**
   * Called at the end of the body.
   * @returns the compression of the value, if any.
   * @throws {CacheError} INVALID_IPC if the body ended before its data.
   */
  end(): ValueCodec | undefined {
    const cells = this.#cells ?? this.#plan.locate();
    const last = cells.at(-1);
    if (last !== undefined && this.#position < last.end) {
      throw new CacheError("INVALID_IPC", "an opaque body ends before its data");
    }
    return this.#plan.codec();
  }

  #takeFrom(cells: readonly CellRange[], view: Buffer, data: Buffer[]): void {
    const viewEnd = this.#position + view.length;
    for (; this.#nextCell < cells.length; this.#nextCell += 1) {
      const { start, end } = cells[this.#nextCell]!;
      if (start >= viewEnd) return;
      const from = Math.max(start - this.#position, 0);
      const to = Math.min(end - this.#position, view.length);
      if (from < to) data.push(view.subarray(from, to));
      if (end > viewEnd) return;
    }
  }

  #pick(watch: { readonly start: number; readonly bytes: Buffer }, view: Buffer): void {
    const from = Math.max(watch.start - this.#position, 0);
    const to = Math.min(watch.start + watch.bytes.length - this.#position, view.length);
    if (from < to) view.copy(watch.bytes, this.#position + from - watch.start, from, to);
  }
}
