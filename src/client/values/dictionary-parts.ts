/**
 * The dictionaries that a record batch in the middle of a stream needs: for each id the latest one and its deltas.
 *
 * Source: Arrow format, "Dictionary Messages". A dictionary may refer to others, so they are kept in the order they came.
 */
import { decodeMessage } from "../../arrow/message.ts";

interface Dictionary {
  readonly id: bigint;
  readonly part: Uint8Array;
}

export class DictionaryParts {
  #dictionaries: Dictionary[] = [];

  /** Keeps a dictionary batch. @returns false when the message is another one. @throws {CacheError} INVALID_IPC */
  take(header: Uint8Array, part: Uint8Array): boolean {
    const message = decodeMessage(header);
    if (message.kind !== "dictionaryBatch") return false;
    const { dictionaryId: id, isDelta } = message;
    if (!isDelta) this.#dictionaries = this.#dictionaries.filter((dictionary) => dictionary.id !== id);
    this.#dictionaries.push({ id, part });
    return true;
  }

  /** Parts of a stream, to stand between its schema and the batch. */
  parts(): Uint8Array[] {
    return this.#dictionaries.map(({ part }) => part);
  }
}
