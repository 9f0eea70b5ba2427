/**
 * A stream of chunks or of record batches as the messages of one put, made while they are sent.
 *
 * The first item decides: chunks become one value of bytes, batches become one table, of the schema of the first. A stream that
 * gives nothing is a value of no bytes. A dictionary that a batch shares with the one before it is sent once, so that the
 * table can be kept as a file. Memory: one item, the latest dictionaries, and what waits to be sent.
 */
import { dictionaryIds } from "../../arrow/dictionary-ids.ts";
import { decodeMessage } from "../../arrow/message.ts";
import { type ArrowSchema, decodeSchema, sameFields } from "../../arrow/schema.ts";
import { CacheError } from "../../errors.ts";
import type { OutgoingFlightData } from "../flight/outgoing-flight-data.ts";
import { encodeTable, isTable } from "../values/arrow-libraries.ts";
import { asFlameTable, isTakenForOpaque } from "../values/encode-value.ts";
import type { IpcBatch, IpcMessages } from "../values/ipc-messages.ts";
import { encodeTag } from "../values/value-tags.ts";
import { streamedPutMessages } from "./put-messages.ts";

/** Chunks of bytes, which must not change until the put is over; or batches: apache-arrow's, tables of either library, IpcTables. */
export type PutStreamItems = AsyncIterable<Uint8Array | object> | Iterable<Uint8Array | object>;

/** @throws {CacheError} INVALID_VALUE for an item that is neither, or not as the first; what `items` throws */
export async function* streamedValue(items: PutStreamItems): AsyncGenerator<OutgoingFlightData, void, void> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  try {
    const first = await iterator.next();
    const isBatch = first.done !== true && isTable(first.value);
    const all = itemsFrom(first, iterator);
    yield* isBatch ? batchMessages(all) : streamedPutMessages(taggedChunks(all));
  } finally {
    await iterator.return?.();
  }
}

type Items = AsyncIterator<unknown> | Iterator<unknown>;

async function* itemsFrom(
  first: IteratorResult<unknown>,
  iterator: Items,
): AsyncGenerator<unknown, void, void> {
  for (let next = first; next.done !== true; next = await iterator.next()) yield next.value;
}

async function* taggedChunks(chunks: AsyncIterable<unknown>): AsyncGenerator<Uint8Array, void, void> {
  yield encodeTag("bytes");
  for await (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array))
      throw new CacheError("INVALID_VALUE", "the stream has an item that is no Uint8Array");
    yield chunk;
  }
}

async function* batchMessages(
  batches: AsyncIterable<unknown>,
): AsyncGenerator<OutgoingFlightData, void, void> {
  let schema: ArrowSchema | undefined;
  const sent = new SentDictionaries();
  for await (const batch of batches) {
    if (!isTable(batch))
      throw new CacheError("INVALID_VALUE", "the stream has an item that is no record batch");
    const messages = await encodeTable(batch);
    const own = decodeSchema(messages.schemaHeader);
    if (schema === undefined) {
      yield { dataHeader: firstSchema(messages) };
      schema = own;
    }
    checkSameSchema(schema, own);
    for (const { header, body } of sent.unsentOf(messages)) yield { dataHeader: header, body };
  }
}

function firstSchema(messages: IpcMessages): Uint8Array {
  if (!isTakenForOpaque(messages)) return asFlameTable(messages).schemaHeader;
  throw new CacheError(
    "INVALID_VALUE",
    "a table of just version: uint64 and data: binary cannot be streamed: put it whole",
  );
}

function checkSameSchema(first: ArrowSchema, own: ArrowSchema): void {
  if (!sameFields(first, own))
    throw new CacheError("INVALID_VALUE", "the stream has a batch of another schema");
  const ids = dictionaryIds(own);
  if (dictionaryIds(first).every((id, index) => id === ids[index])) return;
  throw new CacheError(
    "INVALID_VALUE",
    "the stream has a batch with dictionaries of its own: take the batches of one table",
  );
}

/** The dictionaries the server has been sent, so that a batch does not bring them again. */
class SentDictionaries {
  #sent = new Map<bigint, readonly IpcBatch[]>();

  /** The messages of a batch without the dictionaries that were sent before it. */
  unsentOf({ batches }: IpcMessages): IpcBatch[] {
    const own = dictionariesOf(batches);
    const unsent = batches.filter((batch) => {
      const id = idOf(batch);
      if (id === undefined) return true;
      const known = this.#sent.get(id) ?? [];
      const mine = own.get(id) ?? [];
      return !isPrefix(known, mine) || mine.indexOf(batch) >= known.length;
    });
    for (const [id, dictionaries] of own) this.#sent.set(id, dictionaries.map(copyOf));
    return unsent;
  }
}

/** By id, a dictionary and its deltas in order. */
function dictionariesOf(batches: readonly IpcBatch[]): Map<bigint, IpcBatch[]> {
  const found = new Map<bigint, IpcBatch[]>();
  for (const batch of batches) {
    const id = idOf(batch);
    if (id !== undefined) found.set(id, [...(found.get(id) ?? []), batch]);
  }
  return found;
}

function idOf({ header }: IpcBatch): bigint | undefined {
  const message = decodeMessage(header);
  return message.kind === "dictionaryBatch" ? message.dictionaryId : undefined;
}

function isPrefix(known: readonly IpcBatch[], all: readonly IpcBatch[]): boolean {
  return known.every(({ header, body }, index) => {
    const other = all[index];
    return (
      other !== undefined &&
      Buffer.from(other.header).equals(header) &&
      Buffer.compare(other.body, body) === 0
    );
  });
}

/** So that a small dictionary does not hold the batch it came with. */
function copyOf({ header, body }: IpcBatch): IpcBatch {
  return { header: new Uint8Array(header), body: new Uint8Array(body) };
}
