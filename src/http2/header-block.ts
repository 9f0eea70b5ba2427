/**
 * A decoded header block, and the builder that collects its fields.
 *
 * The builder checks rules across fields: pseudo-headers are first, each once, and a request has
 * the required ones. Beyond the size limit fields are only counted, so that a small block cannot
 * become a large one in memory.
 * Source: RFC 9113, 6.5.2 (size), 8.1 (trailers), 8.2.3 (cookie), 8.3.1 (requests).
 */
import { LIMITS } from "../limits.ts";
import { type HeaderField, PSEUDO_HEADERS } from "./header-field.ts";

/** A header block, decoded. Immutable: equal blocks may share one. */
export interface HeaderBlock {
  /**
   * Values by lower-case name; names of pseudo-headers include the colon. Values are latin1.
   * Several values of one name are joined by ", ", those of cookie by "; ".
   */
  readonly fields: ReadonlyMap<string, string>;
  /** Names, values and 32 bytes per field, including fields that were not collected. */
  readonly sizeBytes: number;
  /** True if the block exceeds a limit of size or number. */
  readonly isFull: boolean;
  /** Why the request is malformed, or undefined. Fields beyond the limit are not checked. */
  readonly malformed: string | undefined;
}

export type HeaderBlockKind = "request" | "trailers";

const NEEDED_BITS = PSEUDO_HEADERS[":method"]! | PSEUDO_HEADERS[":scheme"]! | PSEUDO_HEADERS[":path"]!;

export class HeaderBlockBuilder {
  readonly #kind: HeaderBlockKind;
  readonly #bytesMax: number;
  readonly #fields = new Map<string, string>();
  #sizeBytes = 0;
  #fieldCount = 0;
  #pseudoBits = 0;
  #hasRegular = false;
  #malformed: string | undefined;

  constructor(kind: HeaderBlockKind, bytesMax: number) {
    this.#kind = kind;
    this.#bytesMax = bytesMax;
  }

  /** True if the block exceeds a limit; further fields are only counted. */
  get isFull(): boolean {
    return this.#sizeBytes > this.#bytesMax || this.#fieldCount > LIMITS.callFieldsMax;
  }

  /** Counts a field whose text is not needed. */
  count(sizeBytes: number): void {
    this.#sizeBytes += sizeBytes;
  }

  add(field: HeaderField): void {
    this.#sizeBytes += field.sizeBytes;
    this.#fieldCount += 1;
    if (this.isFull) return;
    this.#malformed ??= field.flaw ?? this.#misplaced(field);
    const { name, value } = field;
    const before = this.#fields.get(name);
    if (before === undefined) this.#fields.set(name, value);
    else
      this.#fields.set(name, name === "cookie" ? `${before}; ${value}` : this.#joined(name, before, value));
  }

  build(): HeaderBlock {
    if (this.#kind === "request" && !this.isFull && (this.#pseudoBits & NEEDED_BITS) !== NEEDED_BITS) {
      this.#malformed ??= "a required pseudo-header is missing";
    }
    const { isFull } = this;
    return { fields: this.#fields, sizeBytes: this.#sizeBytes, isFull, malformed: this.#malformed };
  }

  #misplaced({ pseudoBit }: HeaderField): string | undefined {
    if (pseudoBit === 0) {
      this.#hasRegular = true;
      return undefined;
    }
    if (this.#kind === "trailers") return "trailers contain a pseudo-header";
    if (this.#hasRegular) return "a pseudo-header follows a regular field";
    if ((this.#pseudoBits & pseudoBit) !== 0) return "a pseudo-header is repeated";
    this.#pseudoBits |= pseudoBit;
    return undefined;
  }

  #joined(name: string, before: string, value: string): string {
    if (name === "content-length") this.#malformed ??= "content-length is repeated";
    return `${before}, ${value}`;
  }
}
