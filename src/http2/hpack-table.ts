/**
 * The table of one HPACK decoder: the static fields, and behind them what the peer has added, newest first.
 *
 * Fields leave at the old end when the size in bytes would go over the maximum. They lie in a ring, so that adding and
 * leaving move nothing; a place that was left is cleared, because it would hold its strings.
 * Source: RFC 7541, 2.3 and 4. Cost: O(1) for each look-up, addition and departure.
 */
import type { HeaderField } from "./header-field.ts";
import { STATIC_TABLE } from "./hpack-static-table.ts";
import { Http2Error } from "./http2-error.ts";

/** What both sides begin with, whatever is agreed later (RFC 9113, 6.5.2). */
const INITIAL_BYTES_MAX = 4096;
/** A field counts at least this much. */
const FIELD_BYTES_MIN = 32;

export class HpackTable {
  /** What our settings allow a peer to raise `#bytesMax` to. */
  readonly #agreedBytesMax: number;
  readonly #ring: (HeaderField | undefined)[] = [];
  readonly #places: number;
  /** Place of the newest field. */
  #newest = 0;
  #count = 0;
  #sizeBytes = 0;
  #bytesMax = INITIAL_BYTES_MAX;

  constructor(agreedBytesMax: number) {
    this.#agreedBytesMax = agreedBytesMax;
    this.#places = Math.ceil(Math.max(agreedBytesMax, INITIAL_BYTES_MAX) / FIELD_BYTES_MIN);
  }

  /** Bytes of what the peer has added, 32 more counted for each field. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** @throws {Http2Error} COMPRESSION_ERROR when nothing is at `index` */
  at(index: number): HeaderField {
    const age = index - STATIC_TABLE.length - 1;
    const field = age < 0 ? STATIC_TABLE[index - 1] : age < this.#count ? this.#added(age) : undefined;
    if (field === undefined)
      throw new Http2Error("COMPRESSION_ERROR", "an index points outside of the table");
    return field;
  }

  /** Adds a field; one that is larger than the whole table empties it and is not kept. */
  add(field: HeaderField): void {
    this.#shrinkTo(Math.max(this.#bytesMax - field.sizeBytes, 0));
    if (field.sizeBytes > this.#bytesMax) return;
    this.#newest = (this.#newest + 1) % this.#places;
    this.#ring[this.#newest] = field;
    this.#count++;
    this.#sizeBytes += field.sizeBytes;
  }

  /** @throws {Http2Error} COMPRESSION_ERROR when it is more than was agreed */
  resize(bytesMax: number): void {
    if (bytesMax > this.#agreedBytesMax) {
      throw new Http2Error("COMPRESSION_ERROR", "the table is made larger than was agreed");
    }
    this.#bytesMax = bytesMax;
    this.#shrinkTo(bytesMax);
  }

  #added(age: number): HeaderField | undefined {
    return this.#ring[(this.#newest - age + this.#places) % this.#places];
  }

  #shrinkTo(bytesMax: number): void {
    while (this.#sizeBytes > bytesMax) {
      const oldest = (this.#newest - this.#count + 1 + this.#places) % this.#places;
      this.#sizeBytes -= this.#ring[oldest]!.sizeBytes;
      this.#ring[oldest] = undefined;
      this.#count--;
    }
  }
}
