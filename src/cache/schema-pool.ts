/**
 * One copy of each schema that tables share, under a number that index entries keep instead of it.
 *
 * Bounded by LIMITS.pooledSchemasBytesMax: the oldest are evicted, and numbers are never reused, so
 * a holder of a number finds its schema or nothing, and then reads the file. Schemas are copies.
 * Cost: a CRC-32 and a comparison for each added schema, 1 us.
 */
import { crc32 } from "node:zlib";
import { encapsulateHeader } from "../arrow/encapsulated.ts";
import { LIMITS } from "../limits.ts";

/** No schema has this number. */
export const NO_SCHEMA = 0;
/** The number of every schema that is too large for the pool. */
export const LARGE_SCHEMA = -1;

interface PooledSchema {
  readonly hash: number;
  /** With prefix and padding, as in a FlightInfo. */
  readonly encapsulated: Buffer;
  /** The message inside; a view. */
  readonly header: Buffer;
}

/** The objects and maps around the counted bytes. */
const OVERHEAD_BYTES = 512;
const PREFIX_BYTES = 8;

export class SchemaPool {
  /** By number, oldest first. */
  readonly #schemas = new Map<number, PooledSchema>();
  /** The number of the latest schema with this CRC-32. */
  readonly #numbers = new Map<number, number>();
  readonly #bytesMax: number;
  #bytes = 0;
  #lastNumber = NO_SCHEMA;

  constructor(bytesMax: number = LIMITS.pooledSchemasBytesMax) {
    this.#bytesMax = bytesMax;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  /** The number of this schema message, which is copied if it is new. */
  numberOf(header: Uint8Array): number {
    if (header.length > LIMITS.pooledSchemaBytesMax) return LARGE_SCHEMA;
    const hash = crc32(header);
    const known = this.#numbers.get(hash) ?? NO_SCHEMA;
    return this.header(known)?.equals(header) === true ? known : this.#add(header, hash);
  }

  /** The schema message as its client sent it; a view of the copy. */
  header(number: number): Buffer | undefined {
    return this.#schemas.get(number)?.header;
  }

  /** The same as in a FlightInfo. */
  encapsulated(number: number): Buffer | undefined {
    return this.#schemas.get(number)?.encapsulated;
  }

  #add(header: Uint8Array, hash: number): number {
    const encapsulated = encapsulateHeader(header);
    const view = encapsulated.subarray(PREFIX_BYTES, PREFIX_BYTES + header.length);
    this.#lastNumber += 1;
    this.#schemas.set(this.#lastNumber, { hash, encapsulated, header: view });
    this.#numbers.set(hash, this.#lastNumber);
    this.#bytes += encapsulated.length + OVERHEAD_BYTES;
    for (const [number, schema] of this.#schemas) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#drop(number, schema);
    }
    return this.#lastNumber;
  }

  #drop(number: number, { hash, encapsulated }: PooledSchema): void {
    this.#schemas.delete(number);
    if (this.#numbers.get(hash) === number) this.#numbers.delete(hash);
    this.#bytes -= encapsulated.length + OVERHEAD_BYTES;
  }
}
