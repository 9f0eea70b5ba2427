/**
 * One copy of each schema that tables have in common, under a number that an index entry keeps instead of the schema.
 *
 * Bounded by LIMITS.pooledSchemasBytesMax: the oldest leave first, and their numbers never come again, so whoever has
 * one finds the schema it was given for, or nothing, and reads the file. What is kept are copies in memory of their own.
 * Cost: a CRC-32 and a comparison for each schema that is given, 1 us.
 */
import { crc32 } from "node:zlib";
import { encapsulateHeader } from "../arrow/encapsulated.ts";
import { LIMITS } from "../limits.ts";

/** No schema has this number. */
export const NO_SCHEMA = 0;
/** The number of every schema that is too large to be kept. */
export const LARGE_SCHEMA = -1;

interface PooledSchema {
  readonly hash: number;
  /** With prefix and padding, as a FlightInfo carries it. */
  readonly encapsulated: Buffer;
  /** The message inside; a view. */
  readonly header: Buffer;
}

/** The objects and maps around what is counted. */
const OVERHEAD_BYTES = 512;
const PREFIX_BYTES = 8;

export class SchemaPool {
  /** By number, oldest first. */
  readonly #schemas = new Map<number, PooledSchema>();
  /** The number of the schema that came last with this CRC-32. */
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

  /** The number of this schema message, which is copied when it is new. */
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

  /** The same as a FlightInfo carries it. */
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
