/**
 * What all tables under way hold in memory until their footers are written: schemas, places of batches, app_metadata.
 *
 * One account for a process, because each put alone may hold much: beyond LIMITS.footerMemoryBytesMax together a put is refused
 * as OVERLOADED, and may be repeated. Cost: an addition for each batch.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

export class FooterMemory {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number = LIMITS.footerMemoryBytesMax) {
    this.#bytesMax = bytesMax;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  /** @throws {CacheError} OVERLOADED; nothing is taken then. */
  take(bytes: number): void {
    if (this.#bytes + bytes > this.#bytesMax) {
      const text = `batches and app_metadata of all puts under way are over ${this.#bytesMax} bytes`;
      throw new CacheError("OVERLOADED", text, { facts: { heldBytes: this.#bytes } });
    }
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}
