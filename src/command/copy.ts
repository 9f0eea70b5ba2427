/**
 * `cp SRC DST`: streams one object to another cache or to another key, without holding it in
 * memory.
 *
 * Tables and their app_metadata are copied unchanged; patches of a table become batches of the
 * copy. An opaque value keeps its patches: the base is put, then each patch is appended. SDKs merge
 * patches when they read, so joined bytes would be ambiguous. A copy that fails midway may
 * therefore have fewer patches than its source. The target server assigns the versions.
 */
import { encodeRecordBatchMessage } from "../arrow/message-writer.ts";
import type { FlightClient } from "../client/flight/flight-client.ts";
import type { IncomingFlightData } from "../client/flight/incoming-flight-data.ts";
import type { OutgoingFlightData } from "../client/flight/outgoing-flight-data.ts";
import { CacheError } from "../errors.ts";
import type { FlightDescriptor } from "../flight/descriptor.ts";
import { formatTicket } from "../flight/ticket.ts";
import { formatObjectKey, parseObjectKey, parseSessionPrefix } from "../object/object-key.ts";
import { OPAQUE_SCHEMA_HEADER } from "../object/object-schema.ts";
import { type Answer, openAnswer } from "./answer.ts";
import { ByteReader } from "./byte-reader.ts";
import { VerbError } from "./failure.ts";
import { jsonLine } from "./json-line.ts";
import { factsAsJson, fetchFacts, type ObjectFacts } from "./object-info.ts";
import { batchOf, type RowHead, readRowHead, rowHeadSizeBytes, withoutKind } from "./opaque-answer.ts";
import type { Progress } from "./progress.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

/** A source or target: `grpc://HOST:PORT/KEY`, or a key in the cache of the options. */
export interface CopyPlace {
  readonly endpoint: string | undefined;
  readonly key: string;
}

const PLACE = /^([a-z][a-z0-9+.-]*:\/\/[^/]+)\/(.+)$/i;

export function parsePlace(text: string): CopyPlace {
  const match = PLACE.exec(text);
  return match === null ? { endpoint: undefined, key: text } : { endpoint: match[1], key: match[2] ?? "" };
}

/**
 * The key of the copy: the target, or the source's object id in a target session.
 * @throws {CacheError} INVALID_KEY
 */
export function targetKey(sourceKey: string, target: string): string {
  if (target.split("/").length !== 2) return formatObjectKey(parseObjectKey(target));
  return formatObjectKey({ ...parseSessionPrefix(target), objectId: parseObjectKey(sourceKey).objectId });
}

export async function copy(
  sourceText: string,
  targetText: string,
  options: VerbOptions,
  run: VerbRun,
): Promise<"ok"> {
  const from = parsePlace(sourceText);
  const to = parsePlace(targetText);
  const key = targetKey(from.key, to.key);
  const source = clientOf(from, options, run);
  const target = clientOf(to, options, run);
  if (source.endpoint === target.endpoint && from.key === key) {
    throw new VerbError("usage", `source and target are the same object: ${key}`);
  }
  const facts = await fetchFacts(source, from.key, run.signal);
  const total = facts.sizeBytes < 0 ? undefined : facts.sizeBytes;
  await run.withProgress({ label: "cp", unit: "bytes", total }, async (progress) => {
    const transfer: Transfer = { source, target, facts, key, signal: run.signal, progress };
    // Only a Flame cache returns the kind of each row; other servers get the ticket they offered.
    if (facts.kind === "opaque" && facts.ref !== undefined) await copyOpaque(transfer);
    else await copyMessages(transfer);
  });
  const copied = await fetchFacts(target, key, run.signal);
  await run.print(
    options.json === true ? formatJson(facts, copied) : `${key} version ${copied.ref?.version}\n`,
  );
  return "ok";
}

function clientOf({ endpoint }: CopyPlace, options: VerbOptions, run: VerbRun): FlightClient {
  return run.open(endpoint === undefined ? options : { ...options, place: endpoint });
}

function formatJson(source: ObjectFacts, copied: ObjectFacts): string {
  const { ref, key } = source;
  return jsonLine({
    ...factsAsJson(copied),
    source: { endpoint: ref?.endpoint, key, version: ref?.version },
  });
}

interface Transfer {
  readonly source: FlightClient;
  readonly target: FlightClient;
  readonly facts: ObjectFacts;
  readonly key: string;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/** Copies every message unchanged. */
async function copyMessages({ source, target, facts, key, signal, progress }: Transfer): Promise<void> {
  const answer = await openAnswer(source.doGet(facts.ticket, { signal }));
  async function* messages(): AsyncGenerator<OutgoingFlightData> {
    yield { dataHeader: answer.schemaHeader, appMetadata: answer.appMetadata };
    for await (const data of answer.batches) {
      const body = { sizeBytes: data.bodySizeBytes, chunks: counted(data.chunks(), progress) };
      yield { dataHeader: data.dataHeader, appMetadata: data.appMetadata, body };
    }
  }
  await send(target, { kind: "path", path: [key] }, messages(), signal);
}

/**
 * Reads the answers and ignores them: for batches with app_metadata they only echo it, without a
 * version.
 */
async function send(
  target: FlightClient,
  descriptor: FlightDescriptor,
  messages: AsyncIterable<OutgoingFlightData>,
  signal: AbortSignal,
): Promise<void> {
  for await (const _ of target.doPut(descriptor, messages, { signal }));
}

async function copyOpaque({ source, target, facts, key, signal, progress }: Transfer): Promise<void> {
  const answer = await openAnswer(source.doGet(formatTicket(facts.key, 0), { signal }));
  const rows = rowsOf(answer, progress)[Symbol.asyncIterator]();
  try {
    let row = await rows.next();
    async function* base(): AsyncGenerator<OutgoingFlightData> {
      yield { dataHeader: OPAQUE_SCHEMA_HEADER };
      for (; row.done !== true && row.value.kind === "base"; row = await rows.next()) yield row.value.message;
    }
    await send(target, { kind: "path", path: [key] }, base(), signal);
    for (; row.done !== true; row = await rows.next()) {
      if (row.value.kind === "base") throw new CacheError("INVALID_IPC", "a base follows a patch");
      const patch = patchMessages(row.value.message);
      await send(target, { kind: "command", command: `PATCH:${key}` }, patch, signal);
    }
  } finally {
    await rows.return(undefined);
  }
}

async function* patchMessages(message: OutgoingFlightData): AsyncGenerator<OutgoingFlightData> {
  yield { dataHeader: OPAQUE_SCHEMA_HEADER };
  yield message;
}

interface CopiedRow extends RowHead {
  /** The row without the column `kind`. */
  readonly message: OutgoingFlightData;
}

/**
 * The rows of a `{version, kind, data}` answer. Each message must be sent before the next row is
 * read.
 */
async function* rowsOf({ batches }: Answer, progress: Progress): AsyncGenerator<CopiedRow> {
  for await (const data of batches) yield await rowOf(data, progress);
}

/** Drops the column `kind`: a new header names fewer buffers, and the body stays unchanged. */
async function rowOf(data: IncomingFlightData, progress: Progress): Promise<CopiedRow> {
  const { batch } = batchOf(data);
  const reader = new ByteReader(data.chunks());
  const head = readRowHead(batch, await reader.peek(rowHeadSizeBytes(batch)));
  const layout = withoutKind(batch);
  const sizeBytes = data.bodySizeBytes;
  const dataHeader = encodeRecordBatchMessage({
    rowCount: layout.rowCount,
    nodes: layout.nodes(),
    buffers: layout.buffers(),
    bodySizeBytes: sizeBytes,
    codec: layout.compression === "none" ? undefined : layout.compression,
  });
  return {
    ...head,
    message: { dataHeader, body: { sizeBytes, chunks: counted(reader.pieces(sizeBytes), progress) } },
  };
}

async function* counted(chunks: AsyncIterable<Buffer>, progress: Progress): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    yield chunk;
    progress.add(chunk.length);
  }
}
