/**
 * Streams an object as it arrives: the bytes of a value or file, or the batches of a table. Only a
 * few messages are in memory.
 *
 * | object                                      | chunks                                       |
 * |---------------------------------------------|----------------------------------------------|
 * | a value that was put as bytes (FLM\x06)     | these bytes, without the tag                 |
 * | an uploaded file                            | its bytes                                    |
 * | a table                                     | an Arrow IPC stream, batch by batch          |
 * | any other value                             | UNREADABLE_VALUE                             |
 * | any other value, with `asStored`            | its tag and payload                          |
 *
 * Patches of an opaque object are not included.
 */
import { TAG_SIZE_BYTES } from "../../object/value-tags.ts";
import type { IncomingFlightData } from "../flight/incoming-flight-data.ts";
import { batchesOf, decodeTable, type TableForm } from "../values/arrow-libraries.ts";
import { DictionaryParts } from "../values/dictionary-parts.ts";
import { frameSchema, streamEnd } from "../values/ipc-messages.ts";
import { readTag, unreadable } from "../values/value-tags.ts";
import { type OpaqueColumns, readOpaqueRow } from "./opaque-rows.ts";
import { readAnswerHead, readTablePart } from "./read-answer.ts";

export interface ChunkOptions {
  /** True: an opaque value's bytes as stored, with its tag. */
  readonly asStored: boolean;
}

/**
 * @param answer to `KEY:0`. Chunks from the network are views.
 * @throws {CacheError} see the table above
 */
export async function* objectChunks(
  answer: AsyncIterable<IncomingFlightData>,
  { asStored }: ChunkOptions,
): AsyncGenerator<Uint8Array, void, void> {
  const messages = answer[Symbol.asyncIterator]();
  try {
    const { schemaHeader, columns } = await readAnswerHead(messages);
    if (columns !== undefined) {
      const value = baseViews(messages, columns);
      yield* asStored ? value : withoutTag(value);
      return;
    }
    yield frameSchema(schemaHeader);
    for await (const message of rest(messages)) yield await readTablePart(message);
    yield streamEnd();
  } finally {
    await messages.return?.();
  }
}

/** The bytes of the base, which may have several rows. Patches follow it. */
async function* baseViews(
  messages: AsyncIterator<IncomingFlightData>,
  columns: OpaqueColumns,
): AsyncGenerator<Buffer, void, void> {
  for await (const message of rest(messages)) {
    const row = await readOpaqueRow(message, columns);
    if (row.kind === "patch") return;
    yield* row.data();
  }
}

/** The messages with an Arrow header. Leaving the loop does not end the iterator. */
async function* rest(
  messages: AsyncIterator<IncomingFlightData>,
): AsyncGenerator<IncomingFlightData, void, void> {
  for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
    if (next.value.dataHeader.length > 0) yield next.value;
  }
}

async function* withoutTag(value: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array, void, void> {
  let start: Buffer | undefined = Buffer.alloc(0);
  for await (const view of value) {
    if (start === undefined) {
      yield view;
      continue;
    }
    start = Buffer.concat([start, view]);
    if (start.length < TAG_SIZE_BYTES) continue;
    yield untagged(start);
    start = undefined;
  }
  if (start !== undefined) yield start;
}

function untagged(start: Buffer): Buffer {
  const tag = readTag(start);
  if (tag === undefined) return start;
  if (tag === "bytes") return start.subarray(TAG_SIZE_BYTES);
  throw unreadable(`the value is ${tag}, not bytes: use get`);
}

/**
 * The record batches of a table as they arrive, in the requested form: a RecordBatch of
 * apache-arrow, a table of flechette, or an IpcTable of one batch. Each has the dictionaries that
 * it needs.
 * @throws {CacheError} UNREADABLE_VALUE if the object is not a table
 */
export async function* objectBatches(
  answer: AsyncIterable<IncomingFlightData>,
  form: TableForm,
): AsyncGenerator<object, void, void> {
  const messages = answer[Symbol.asyncIterator]();
  try {
    const { schemaHeader, columns } = await readAnswerHead(messages);
    if (columns !== undefined) throw unreadable("the object is not a table and has no record batches");
    const dictionaries = new DictionaryParts();
    for await (const message of rest(messages)) {
      const part = await readTablePart(message);
      if (dictionaries.take(message.dataHeader, part)) continue;
      const stream = [frameSchema(schemaHeader), ...dictionaries.parts(), part, streamEnd()];
      yield* batchesOf(await decodeTable(stream, form), form);
    }
  } finally {
    await messages.return?.();
  }
}
