/**
 * Facts of many bases in file form as columns, in the form in which a scan passes them between threads: lists
 * of ids and of identities that put them, and one of numbers.
 *
 *     numbers   version, rows, data bytes, file size, 1 for a table, expiry and time to live (NaN:
 *               none); then the next object
 */
import type { BaseFacts } from "../object/index-facts.ts";

export interface ScannedFacts {
  readonly objectIds: readonly string[];
  /** As in ObjectMetadata; empty texts for unknown ones. */
  readonly putBy: readonly string[];
  readonly numbers: Float64Array;
}

export const NO_FACTS: ScannedFacts = { objectIds: [], putBy: [], numbers: new Float64Array(0) };

const NUMBERS_EACH = 7;

/** Collects the facts of a fixed number of objects. */
export class FactsList {
  readonly #objectIds: string[] = [];
  readonly #putBy: string[] = [];
  readonly #numbers: Float64Array;

  constructor(objectsMax: number) {
    this.#numbers = new Float64Array(objectsMax * NUMBERS_EACH);
  }

  /** Bytes of the numbers of this many objects. */
  static numbersBytes(objects: number): number {
    return objects * NUMBERS_EACH * Float64Array.BYTES_PER_ELEMENT;
  }

  get length(): number {
    return this.#objectIds.length;
  }

  add(objectId: string, facts: BaseFacts): void {
    const from = this.#objectIds.length * NUMBERS_EACH;
    const { kind, version, rowCount, dataBytes, fileSizeBytes, lifetime } = facts;
    this.#numbers[from] = version;
    this.#numbers[from + 1] = rowCount;
    this.#numbers[from + 2] = dataBytes;
    this.#numbers[from + 3] = fileSizeBytes;
    this.#numbers[from + 4] = kind === "table" ? 1 : 0;
    this.#numbers[from + 5] = lifetime?.untilMs ?? Number.NaN;
    this.#numbers[from + 6] = lifetime?.ttlMs ?? Number.NaN;
    this.#objectIds.push(objectId);
    this.#putBy.push(facts.putBy ?? "");
  }

  /** Returns the collected facts. Nothing may be added afterwards. */
  finish(): ScannedFacts {
    return { objectIds: this.#objectIds, putBy: this.#putBy, numbers: this.#numbers };
  }
}

export function factsAt({ putBy, numbers }: ScannedFacts, index: number): BaseFacts {
  const from = index * NUMBERS_EACH;
  const untilMs = numbers[from + 5]!;
  return {
    version: numbers[from]!,
    rowCount: numbers[from + 1]!,
    dataBytes: numbers[from + 2]!,
    fileSizeBytes: numbers[from + 3]!,
    kind: numbers[from + 4] === 1 ? "table" : "opaque",
    form: "file",
    lifetime: Number.isNaN(untilMs) ? undefined : { untilMs, ttlMs: numbers[from + 6]! },
    putBy: putBy[index] || undefined,
  };
}
