/**
 * Encodes a stream of chunks or record batches as the messages of one put, while they are sent.
 *
 * The first item decides: chunks become one value of bytes, batches become one table with the
 * schema of the first. An empty stream is a value of no bytes. A dictionary that a batch shares
 * with the previous one is sent once, so that the table can be stored as a file. Memory: one item,
 * the latest dictionaries, and the messages that wait to be sent.
 */
import { dictionaryIds } from "../../arrow/dictionary-ids.ts";
import { decodeMessage } from "../../arrow/message.ts";
import { type ArrowSchema, decodeSchema, sameFields } from "../../arrow/schema.ts";
import { CacheError } from "../../errors.ts";
import { encodeTag } from "../../object/value-tags.ts";
import type { OutgoingFlightData } from "../flight/outgoing-flight-data.ts";
import { encodeTable, isTable } from "../values/arrow-libraries.ts";
import { asFlameTable, looksOpaque } from "../values/encode-value.ts";
import type { IpcBatch, IpcMessages } from "../values/ipc-messages.ts";
import { streamedPutMessages } from "./put-messages.ts";

/**
 * Chunks of bytes, which must not change until the put is over; or batches: RecordBatch of
 * apache-arrow, tables of either library, IpcTable.
 */
export type PutStreamItems = AsyncIterable<Uint8Array | object> | Iterable<Uint8Array | object>;

/**
 * @throws {CacheError} INVALID_VALUE for an item that is neither, or unlike the first; errors of
 *   `items`
 */
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
      throw new CacheError("INVALID_VALUE", "the stream has an item that is not a Uint8Array");
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
      throw new CacheError("INVALID_VALUE", "the stream has an item that is not a record batch");
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
  if (!looksOpaque(messages)) return asFlameTable(messages).schemaHeader;
  throw new CacheError(
    "INVALID_VALUE",
    "a table with only the columns version: uint64 and data: binary cannot be streamed: use put",
  );
}

function checkSameSchema(first: ArrowSchema, own: ArrowSchema): void {
  if (!sameFields(first, own))
    throw new CacheError("INVALID_VALUE", "the stream has a batch with another schema");
  const ids = dictionaryIds(own);
  if (dictionaryIds(first).every((id, index) => id === ids[index])) return;
  throw new CacheError(
    "INVALID_VALUE",
    "the stream has a batch with dictionaries of its own: use the batches of one table",
  );
}

/** The dictionaries that were sent, so that later batches do not repeat them. */
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

/** Each dictionary with its deltas in order, by id. */
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

/** Copies a dictionary, so that it does not retain the memory of its batch. */
function copyOf({ header, body }: IpcBatch): IpcBatch {
  return { header: new Uint8Array(header), body: new Uint8Array(body) };
}
