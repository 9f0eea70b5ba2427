/**
 * The dictionaries that a record batch in the middle of a stream needs: for each id the latest one
 * and its deltas.
 *
 * Source: Arrow format, "Dictionary Messages". A dictionary may refer to others, so they are kept
 * in the order of arrival.
 */
import { decodeMessage } from "../../arrow/message.ts";
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";

interface Dictionary {
  readonly id: bigint;
  readonly part: Uint8Array;
}

export class DictionaryParts {
  #dictionaries: Dictionary[] = [];
  #sizeBytes = 0;

  /**
   * Keeps a dictionary batch.
   * @returns false if the message is not a dictionary batch.
   * @throws {CacheError} INVALID_IPC; OBJECT_TOO_LARGE over LIMITS.streamedDictionariesBytesMax
   */
  take(header: Uint8Array, part: Uint8Array): boolean {
    const message = decodeMessage(header);
    if (message.kind !== "dictionaryBatch") return false;
    const { dictionaryId: id, isDelta } = message;
    if (!isDelta) this.#drop(id);
    this.#dictionaries.push({ id, part });
    this.#sizeBytes += sizeOf(part);
    if (this.#sizeBytes <= LIMITS.streamedDictionariesBytesMax) return true;
    throw new CacheError("OBJECT_TOO_LARGE", "the table has too many dictionaries to read it as a stream", {
      facts: { sizeBytes: this.#sizeBytes },
    });
  }

  #drop(id: bigint): void {
    const kept = this.#dictionaries.filter((dictionary) => dictionary.id !== id);
    if (kept.length === this.#dictionaries.length) return;
    this.#dictionaries = kept;
    this.#sizeBytes = kept.reduce((sum, { part }) => sum + sizeOf(part), 0);
  }

  /** Parts of a stream, for the place between its schema and the batch. */
  parts(): Uint8Array[] {
    return this.#dictionaries.map(({ part }) => part);
  }
}

function sizeOf(part: Uint8Array): number {
  return part.byteLength + LIMITS.fetchedMessageBytes;
}
