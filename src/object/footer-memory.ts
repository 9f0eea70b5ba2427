/**
 * Memory that all running table puts hold until their footers are written: schemas, batch
 * positions, app_metadata.
 *
 * One account per process, because a single put may hold much: beyond LIMITS.footerMemoryBytesMax
 * in total a put is refused as OVERLOADED and may be retried.
 * Cost: an addition for each batch.
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

  /** @throws {CacheError} OVERLOADED; nothing is charged then. */
  take(bytes: number): void {
    if (this.#bytes + bytes > this.#bytesMax) {
      const text = `batches and app_metadata of all running puts exceed ${this.#bytesMax} bytes`;
      throw new CacheError("OVERLOADED", text, { facts: { heldBytes: this.#bytes } });
    }
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}
