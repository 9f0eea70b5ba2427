/**
 * `put FILE|-`: uploads a file or standard input, as a table if it is Arrow IPC, else as an opaque
 * value.
 *
 * An opaque value is sent as rows of 1 MiB, a table as its messages. At most two pieces are in
 * memory. The object exists once the server has answered, and does not exist if anything fails
 * before. `--as json` and `--as bytes` put a value in the format of the SDKs, so that their `get`
 * can read it; JSON is held in memory and checked first.
 */
import fs from "node:fs";
import { decodeSchema } from "../arrow/schema.ts";
import type { FlightClient } from "../client/flight/flight-client.ts";
import type { OutgoingFlightData } from "../client/flight/outgoing-flight-data.ts";
import { decodeJson } from "../client/values/json-value.ts";
import { CacheError, isCacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { escapeInvisible } from "../log-format.ts";
import { parseObjectKey, parseSessionPrefix } from "../object/object-key.ts";
import { decodeObjectRef, type ObjectRef } from "../object/object-ref.ts";
import { OPAQUE_SCHEMA_HEADER } from "../object/object-schema.ts";
import { encodeWireRow } from "../object/opaque-row.ts";
import { encodeTag } from "../object/value-tags.ts";
import { openSurveyFile, type SurveyFile } from "../storage/disk/survey-file.ts";
import { type ArrowInput, detectArrow, readArrowFile, readArrowStream, readPieces } from "./arrow-input.ts";
import { ByteReader, unlessAborted } from "./byte-reader.ts";
import { fileFailure, VerbError } from "./failure.ts";
import { encodeFileMetadata } from "./file-metadata.ts";
import { jsonLine } from "./json-line.ts";
import { opaqueColumns } from "./opaque-answer.ts";
import { openPipe } from "./pipe-input.ts";
import type { Progress } from "./progress.ts";
import { formatSize } from "./quantities.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export interface PutOptions extends VerbOptions {
  readonly key: string;
  readonly as: "auto" | "bytes" | "json" | "opaque" | "table";
}

const STANDARD_INPUT = "-";
const ROW_BYTES = 1024 * 1024;

export async function put(path: string, options: PutOptions, run: VerbRun): Promise<"ok"> {
  checkTarget(options.key);
  const client = run.open(options);
  const input = await openInput(path, run);
  try {
    const upload = await prepareUpload(input, options.as);
    const subject = { label: "put", unit: "bytes", total: input.file?.sizeBytes } as const;
    const sent: Sent = { bytes: 0, rows: 0 };
    const ref = await run.withProgress(subject, (progress) =>
      send(client, { key: options.key, messages: upload.messages(sent, progress), signal: run.signal }),
    );
    await run.print(formatResult({ ref, sent, kind: upload.kind }, options.json === true));
    return "ok";
  } finally {
    input.file?.close();
  }
}

/** @throws {CacheError} INVALID_KEY */
function checkTarget(key: string): void {
  if (key.split("/").length === 2) parseSessionPrefix(key);
  else parseObjectKey(key);
}

interface Input {
  /** Set for a regular file, which can be read at any position. */
  readonly file: SurveyFile | undefined;
  readonly reader: ByteReader;
}

/** @throws {VerbError} noInput */
async function openInput(path: string, { context, signal }: VerbRun): Promise<Input> {
  if (path === STANDARD_INPUT) return { file: undefined, reader: new ByteReader(context.stdin, signal) };
  let status: fs.Stats;
  try {
    status = await fs.promises.stat(path);
  } catch (error) {
    throw fileFailure("noInput", path, error);
  }
  if (status.isDirectory()) throw new VerbError("noInput", `${path}: it is a directory`);
  if (!status.isFile())
    return { file: undefined, reader: new ByteReader(await openDevice(path, status, signal), signal) };
  const file = await openSurveyFile(path).catch((error: unknown) => {
    throw fileFailure("noInput", path, error instanceof CacheError ? error.cause : error);
  });
  if (file === undefined) throw new VerbError("noInput", `${path}: no such file`);
  return { file, reader: new ByteReader(readPieces(file, 0, file.sizeBytes), signal) };
}

/** @throws {VerbError} noInput */
async function openDevice(
  path: string,
  status: fs.Stats,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  if (!status.isFIFO()) return fs.createReadStream(path, { highWaterMark: ROW_BYTES });
  try {
    return await unlessAborted(openPipe(path, signal), signal);
  } catch (error) {
    throw isCacheError(error) ? error : fileFailure("noInput", path, error);
  }
}

/** What has been sent so far. */
interface Sent {
  bytes: number;
  rows: number;
}

interface Upload {
  readonly kind: "opaque" | "table";
  messages(sent: Sent, progress: Progress): AsyncIterable<OutgoingFlightData>;
}

async function prepareUpload({ file, reader }: Input, as: PutOptions["as"]): Promise<Upload> {
  if (as === "json" || as === "bytes") {
    if (as === "json") await checkJson(reader);
    const tag = encodeTag(as);
    return { kind: "opaque", messages: (sent, progress) => opaqueMessages(reader, sent, { progress, tag }) };
  }
  const form = as === "opaque" ? undefined : await detectArrow(reader);
  if (form === undefined && as !== "table") {
    return {
      kind: "opaque",
      messages: (sent, progress) => opaqueMessages(reader, sent, { progress, tag: NO_TAG }),
    };
  }
  const arrow = await openArrow(reader, form === "file" ? file : undefined).catch((error: unknown) => {
    if (as === "table" || !isCacheError(error)) throw error;
    const hint = "the input begins like Arrow IPC; to store its bytes unchanged use --as opaque";
    throw new VerbError("dataError", `${error.message}: ${hint}`, { cause: error });
  });
  const isOpaque = opaqueColumns(decodeSchema(arrow.schemaHeader)) !== undefined;
  return {
    kind: isOpaque ? "opaque" : "table",
    messages: (sent, progress) => tableMessages(arrow, sent, progress),
  };
}

async function openArrow(reader: ByteReader, file: SurveyFile | undefined): Promise<ArrowInput> {
  return file === undefined ? await readArrowStream(reader) : await readArrowFile(file);
}

const NO_TAG = Buffer.alloc(0);

/** Leaves the bytes in the reader. @throws {VerbError} dataError */
async function checkJson(reader: ByteReader): Promise<void> {
  const bytes = await reader.peek(LIMITS.jsonPutBytesMax + 1);
  if (bytes.length > LIMITS.jsonPutBytesMax) {
    throw new VerbError(
      "dataError",
      `JSON can have at most ${formatSize(LIMITS.jsonPutBytesMax)}: use --as bytes`,
    );
  }
  try {
    decodeJson(bytes);
  } catch (error) {
    if (!isCacheError(error)) throw error;
    const reason = error.cause instanceof Error ? error.cause.message : error.message;
    throw new VerbError("dataError", `the input is not JSON: ${reason}`, { cause: error });
  }
}

/** @param tag is sent before the value. */
async function* opaqueMessages(
  reader: ByteReader,
  sent: Sent,
  { progress, tag }: { readonly progress: Progress; readonly tag: Buffer },
): AsyncGenerator<OutgoingFlightData> {
  yield { dataHeader: OPAQUE_SCHEMA_HEADER };
  for (let front = tag; ; front = NO_TAG) {
    const cells: Buffer[] = front.length === 0 ? [] : [front];
    for await (const piece of reader.pieces(ROW_BYTES)) cells.push(piece);
    const dataSizeBytes = cells.reduce((sum, { length }) => sum + length, 0);
    if (dataSizeBytes === 0) return;
    const row = encodeWireRow({ version: 0, dataSizeBytes, codec: undefined });
    sent.bytes += dataSizeBytes;
    sent.rows = 1;
    yield { dataHeader: row.header, body: [row.bodyFront, ...cells, Buffer.alloc(row.paddingSizeBytes)] };
    progress.add(dataSizeBytes);
  }
}

async function* tableMessages(
  { schemaHeader, batches, metadata = [] }: ArrowInput,
  sent: Sent,
  progress: Progress,
): AsyncGenerator<OutgoingFlightData> {
  const appMetadata = encodeFileMetadata(metadata);
  yield { dataHeader: schemaHeader, ...(appMetadata && { appMetadata }) };
  for await (const { header, message, body } of batches) {
    const sizeBytes = message.bodySizeBytes;
    sent.bytes += sizeBytes;
    if (message.kind === "recordBatch") sent.rows += message.batch.rowCount;
    yield { dataHeader: header, body: { sizeBytes, chunks: counted(body, progress) } };
  }
}

async function* counted(chunks: AsyncIterable<Uint8Array>, progress: Progress): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    yield chunk;
    progress.add(chunk.byteLength);
  }
}

interface PutCall {
  readonly key: string;
  readonly messages: AsyncIterable<OutgoingFlightData>;
  readonly signal: AbortSignal;
}

async function send(client: FlightClient, { key, messages, signal }: PutCall): Promise<ObjectRef> {
  let ref: ObjectRef | undefined;
  const answers = client.doPut({ kind: "path", path: [key] }, messages, { signal });
  for await (const answer of answers) if (answer.length > 0) ref = decodeObjectRef(answer);
  if (ref === undefined)
    throw new CacheError("INVALID_REQUEST", "the server did not return a reference to the object");
  return ref;
}

function formatResult(
  { ref, sent, kind }: { ref: ObjectRef; sent: Sent; kind: Upload["kind"] },
  json: boolean,
): string {
  const { endpoint, key, version } = ref;
  if (json) {
    return jsonLine({ endpoint, key, version, kind, rows: sent.rows, size: sent.bytes });
  }
  return `${escapeInvisible(`${key} version ${version}`)}\n`;
}
