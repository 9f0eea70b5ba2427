/**
 * The table of one HPACK decoder: the static fields, then the fields that the peer added, newest
 * first.
 *
 * The oldest fields are evicted when the size in bytes would exceed the maximum. The fields are in
 * a ring, so nothing moves; a slot is cleared on eviction so that it does not retain its strings.
 * Source: RFC 7541, 2.3 and 4.
 * Cost: O(1) for each lookup, addition and eviction.
 */
import type { HeaderField } from "./header-field.ts";
import { STATIC_TABLE } from "./hpack-static-table.ts";
import { Http2Error } from "./http2-error.ts";

/** Initial maximum on both sides, whatever they agree on later (RFC 9113, 6.5.2). */
const INITIAL_BYTES_MAX = 4096;
/** The smallest size of a field. */
const FIELD_BYTES_MIN = 32;

export class HpackTable {
  /** Maximum that our settings allow the peer to set `#bytesMax` to. */
  readonly #agreedBytesMax: number;
  readonly #ring: (HeaderField | undefined)[] = [];
  readonly #slots: number;
  /** Slot of the newest field. */
  #newest = 0;
  #count = 0;
  #sizeBytes = 0;
  #bytesMax = INITIAL_BYTES_MAX;

  constructor(agreedBytesMax: number) {
    this.#agreedBytesMax = agreedBytesMax;
    this.#slots = Math.ceil(Math.max(agreedBytesMax, INITIAL_BYTES_MAX) / FIELD_BYTES_MIN);
  }

  /** Size of the fields that the peer added, including 32 bytes for each. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** @throws {Http2Error} COMPRESSION_ERROR if nothing is at `index` */
  at(index: number): HeaderField {
    const age = index - STATIC_TABLE.length - 1;
    const field = age < 0 ? STATIC_TABLE[index - 1] : age < this.#count ? this.#added(age) : undefined;
    if (field === undefined) throw new Http2Error("COMPRESSION_ERROR", "an index is outside the table");
    return field;
  }

  /** Adds a field. A field larger than the whole table empties it and is not kept. */
  add(field: HeaderField): void {
    this.#shrinkTo(Math.max(this.#bytesMax - field.sizeBytes, 0));
    if (field.sizeBytes > this.#bytesMax) return;
    this.#newest = (this.#newest + 1) % this.#slots;
    this.#ring[this.#newest] = field;
    this.#count++;
    this.#sizeBytes += field.sizeBytes;
  }

  /** @throws {Http2Error} COMPRESSION_ERROR if `bytesMax` exceeds the agreed size */
  resize(bytesMax: number): void {
    if (bytesMax > this.#agreedBytesMax) {
      throw new Http2Error("COMPRESSION_ERROR", "the table size exceeds SETTINGS_HEADER_TABLE_SIZE");
    }
    this.#bytesMax = bytesMax;
    this.#shrinkTo(bytesMax);
  }

  #added(age: number): HeaderField | undefined {
    return this.#ring[(this.#newest - age + this.#slots) % this.#slots];
  }

  #shrinkTo(bytesMax: number): void {
    while (this.#sizeBytes > bytesMax) {
      const oldest = (this.#newest - this.#count + 1 + this.#slots) % this.#slots;
      this.#sizeBytes -= this.#ring[oldest]!.sizeBytes;
      this.#ring[oldest] = undefined;
      this.#count--;
    }
  }
}
