/**
 * Collects a whole answer to `KEY:V`: not modified, the missing parts of an opaque object, or a
 * table.
 *
 *     schema {version, kind, data} and no batch    not modified
 *     the same with a location in its metadata     the object's file
 *     the same with batches                        opaque: the base and its patches, or the patches after V
 *     any other schema                             a table, marked as a Flame table in its metadata
 *
 * Cost: one copy of each body, into memory of its own that Arrow libraries can read.
 */
import { constants } from "node:buffer";
import { decodeMessage } from "../../arrow/message.ts";
import { type ArrowSchema, decodeSchema } from "../../arrow/schema.ts";
import { findMetadataValue, withSchemaMetadata } from "../../arrow/schema-metadata.ts";
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import {
  SCHEMA_KEY_FILE,
  SCHEMA_KEY_FORMAT,
  SCHEMA_KEY_REPLICAS,
  SCHEMA_KEY_VERSION,
  TABLE_FORMAT,
} from "../../object/object-schema.ts";
import type { IncomingFlightData } from "../flight/incoming-flight-data.ts";
import { frameMessage, frameSchema, streamEnd } from "../values/ipc-messages.ts";
import { type OpaqueColumns, type OpaqueRow, opaqueColumns, readOpaqueRow } from "./opaque-rows.ts";

/** The value of one version. */
export interface AnswerRow {
  readonly version: number;
  readonly kind: "base" | "patch";
  readonly data: Buffer;
}

/** An answer that brings the object, or what the client lacks of it. */
export type ObjectAnswer =
  | { readonly kind: "opaque" /** None: not modified. */; readonly rows: readonly AnswerRow[] }
  | { readonly kind: "table"; readonly version: number; readonly parts: readonly Uint8Array[] };

/** `uri`: a location as local-object.ts reads it. Only a get that asks for files is answered so. */
export type Answer = ObjectAnswer | { readonly kind: "file"; readonly uri: string };

/** The kind of an answer, from its first message. */
export interface AnswerHead {
  readonly schemaHeader: Buffer;
  readonly schema: ArrowSchema;
  /** Set if the answer is opaque. */
  readonly columns: OpaqueColumns | undefined;
}

/** @throws {CacheError} INVALID_IPC if the answer has no schema; the call's error */
export async function readAnswerHead(messages: AsyncIterator<IncomingFlightData>): Promise<AnswerHead> {
  const first = await messages.next();
  if (first.done === true) throw new CacheError("INVALID_IPC", "the answer has no schema");
  const schemaHeader = Buffer.from(first.value.dataHeader);
  const schema = decodeSchema(schemaHeader);
  const isTable = schema.metadata.some(([key, value]) => key === SCHEMA_KEY_FORMAT && value === TABLE_FORMAT);
  return {
    schemaHeader: isTable ? withoutServerFacts(schemaHeader) : schemaHeader,
    schema,
    columns: isTable ? undefined : opaqueColumns(schema),
  };
}

/**
 * @throws {CacheError} INVALID_IPC, UNREADABLE_VALUE; OBJECT_TOO_LARGE over `bytesMax`; the call's
 *   error
 */
export async function readAnswer(
  answer: AsyncIterable<IncomingFlightData>,
  bytesMax: number = LIMITS.fetchedBytesMax,
): Promise<Answer> {
  const messages = answer[Symbol.asyncIterator]();
  try {
    const head = await readAnswerHead(messages);
    const reader = head.columns === undefined ? new TableReader(head) : new RowsReader(head.columns);
    let bytesLeft = bytesMax;
    for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
      const { dataHeader, bodySizeBytes } = next.value;
      if (dataHeader.length === 0) continue;
      bytesLeft -= dataHeader.length + bodySizeBytes + LIMITS.fetchedMessageBytes;
      if (bytesLeft < 0) throw tooLarge(`the object is over the limit of a get, ${bytesMax} bytes`);
      await reader.take(next.value);
    }
    const uri = head.schema.metadata.find(([key]) => key === SCHEMA_KEY_FILE)?.[1];
    return head.columns !== undefined && uri !== undefined ? { kind: "file", uri } : reader.finish();
  } finally {
    // Cancels the call if it was not read to its end.
    await messages.return?.();
  }
}

/** The error for an object that is too large for a get, but not for a stream. */
function tooLarge(text: string): CacheError {
  return new CacheError("OBJECT_TOO_LARGE", `${text}: use getStream, getBatches or downloadFile`);
}

class RowsReader {
  readonly #columns: OpaqueColumns;
  readonly #rows: { version: number; kind: "base" | "patch"; chunks: Buffer[] }[] = [];

  constructor(columns: OpaqueColumns) {
    this.#columns = columns;
  }

  /** The rows of one value share a version: a value over 2 GiB has several rows. */
  async take(message: IncomingFlightData): Promise<void> {
    const row = await readOpaqueRow(message, this.#columns);
    const data = await collectRow(row);
    const last = this.#rows.at(-1);
    if (last?.version === row.version) last.chunks.push(data);
    else this.#rows.push({ version: row.version, kind: row.kind, chunks: [data] });
  }

  finish(): Answer {
    const rows = this.#rows.map(({ version, kind, chunks }) => {
      return { version, kind, data: chunks.length === 1 ? chunks[0]! : joined(chunks) };
    });
    return { kind: "opaque", rows };
  }
}

function joined(chunks: readonly Buffer[]): Buffer {
  const sizeBytes = chunks.reduce((sum, { length }) => sum + length, 0);
  if (sizeBytes > constants.MAX_LENGTH) throw tooLarge("the value is larger than the maximum of a Buffer");
  return Buffer.concat(chunks, sizeBytes);
}

/** Copies the value of a row into memory of its own. */
async function collectRow(row: OpaqueRow): Promise<Buffer> {
  const target = Buffer.allocUnsafeSlow(row.dataSizeBytesMax);
  let sizeBytes = 0;
  for await (const view of row.data()) sizeBytes += view.copy(target, sizeBytes);
  return target.subarray(0, sizeBytes);
}

/** Removes what the server adds to its answer: a copy of the table must not have it. */
function withoutServerFacts(schemaHeader: Buffer): Buffer {
  if (findMetadataValue(schemaHeader, SCHEMA_KEY_VERSION) === undefined) return schemaHeader;
  return withSchemaMetadata(schemaHeader, [], [SCHEMA_KEY_VERSION, SCHEMA_KEY_REPLICAS]).header;
}

class TableReader {
  readonly #parts: Uint8Array[];
  readonly #version: number;

  constructor({ schemaHeader, schema }: AnswerHead) {
    this.#parts = [frameSchema(schemaHeader)];
    this.#version = tableVersion(schema);
  }

  async take(message: IncomingFlightData): Promise<void> {
    this.#parts.push(await readTablePart(message));
  }

  finish(): Answer {
    return { kind: "table", version: this.#version, parts: [...this.#parts, streamEnd()] };
  }
}

/** One batch as a part of an IPC stream. @throws {CacheError} INVALID_IPC */
export async function readTablePart(message: IncomingFlightData): Promise<Uint8Array> {
  const { kind, bodySizeBytes } = decodeMessage(message.dataHeader);
  if (kind === "schema") throw new CacheError("INVALID_IPC", "the answer has a second schema");
  if (bodySizeBytes !== message.bodySizeBytes) {
    throw new CacheError("INVALID_IPC", "the size of a batch's body differs from the size in its message");
  }
  const { part, body } = frameMessage(message.dataHeader, bodySizeBytes);
  let position = 0;
  for await (const view of message.chunks()) {
    body.set(view, position);
    position += view.length;
  }
  return part;
}

/** @throws {CacheError} INVALID_IPC if it is absent: a table cannot be kept without its version. */
function tableVersion({ metadata }: ArrowSchema): number {
  const text = metadata.find(([key]) => key === SCHEMA_KEY_VERSION)?.[1] ?? "";
  const version = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(version)) return version;
  throw new CacheError("INVALID_IPC", "the table's schema has no version");
}
