/**
 * `cat KEY`: displays an object: a table's first rows, JSON, text, or a hex dump.
 *
 * Fetches only what it displays: the batches of the first rows, or the first MiB of a value. The
 * patches of an opaque value follow its base, each with its version, because SDKs keep them apart.
 * `--json` prints one JSON object per row, or per base and patch. For a table that cannot be
 * displayed, it prints the first bytes in hexadecimal and then fails with the reason.
 */
import type { FlightClient } from "../client/flight/flight-client.ts";
import type { IncomingFlightData } from "../client/flight/incoming-flight-data.ts";
import { CacheError } from "../errors.ts";
import { formatTicket } from "../flight/ticket.ts";
import { LIMITS } from "../limits.ts";
import type { ObjectRef } from "../object/object-ref.ts";
import { TAG_SIZE_BYTES } from "../object/value-tags.ts";
import { type Answer, openAnswer } from "./answer.ts";
import { type ArrowInput, type ArrowMessage, readArrowStream } from "./arrow-input.ts";
import { previewTable, type TablePreview, TablePreviewError } from "./arrow-preview.ts";
import { ByteReader } from "./byte-reader.ts";
import { jsonCell, uniqueNames } from "./cell-json.ts";
import { cellOrReason } from "./cell-text.ts";
import { jsonLine } from "./json-line.ts";
import { fetchFacts, type ObjectFacts } from "./object-info.ts";
import {
  batchOf,
  type OpaqueColumns,
  opaqueColumns,
  readRowHead,
  rowHeadSizeBytes,
  storedValueBytes,
  valueBytes,
} from "./opaque-answer.ts";
import { formatSize } from "./quantities.ts";
import { hexDump, type ReadableValue, readableValue, tagOf } from "./readable-value.ts";
import { formatTable } from "./table-view.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export interface CatOptions extends VerbOptions {
  /** Number of rows of a table, or of values of an opaque object. */
  readonly rows: number;
}

type KnownFacts = ObjectFacts & { readonly ref: ObjectRef };

interface Show {
  readonly options: CatOptions;
  readonly run: VerbRun;
}

export async function cat(key: string, options: CatOptions, run: VerbRun): Promise<"ok"> {
  const client = run.open(options);
  const facts = await fetchFacts(client, key, run.signal);
  if (facts.kind === "opaque" && facts.ref !== undefined) {
    await showValues(client, { ...facts, ref: facts.ref }, { options, run });
  } else {
    await showTable(client, facts, { options, run });
  }
  return "ok";
}

async function showTable(client: FlightClient, facts: ObjectFacts, { options, run }: Show): Promise<void> {
  const { text, rows } = await preview({ options, run }, facts.rows, async () =>
    arrowOf(await openAnswer(client.doGet(facts.ticket, { signal: run.signal }))),
  );
  await run.print(options.json === true ? rows().map(jsonLine).join("") : text());
}

interface ShownTable {
  text(): string;
  rows(): Record<string, unknown>[];
}

/** @throws {TablePreviewError} after printing the first bytes of the table. */
async function preview(
  { options, run }: Show,
  totalRows: number,
  open: () => Promise<ArrowInput>,
): Promise<ShownTable> {
  try {
    const table = await run.withProgress({ label: "cat", unit: "bytes" }, async (progress) =>
      previewTable(await open(), options.rows, progress),
    );
    const view = { columns: terminalWidth(run), totalRows };
    return {
      text: () => formatTable(table, view),
      rows: () => rowsAsJson(table),
    };
  } catch (error) {
    if (error instanceof TablePreviewError) {
      const { start } = error;
      await run.print(options.json === true ? jsonLine({ hex: start.toString("hex") }) : hexDump(start));
    }
    throw error;
  }
}

function terminalWidth({ context }: VerbRun): number | undefined {
  return context.stdout.isTTY === true ? context.stdout.columns : undefined;
}

function arrowOf({ schemaHeader, batches }: Answer): ArrowInput {
  async function* messages(): AsyncGenerator<ArrowMessage> {
    for await (const data of batches) {
      yield { header: data.dataHeader, message: batchOf(data), body: data.chunks() };
    }
  }
  return { schemaHeader: Buffer.from(schemaHeader), batches: messages() };
}

function rowsAsJson({ fields, rowCount, value }: TablePreview): Record<string, unknown>[] {
  const names = uniqueNames(fields);
  return Array.from({ length: rowCount }, (_, row) =>
    Object.fromEntries(
      fields.map((field, column) => [names[column], cellOrReason(() => jsonCell(value(row, column), field))]),
    ),
  );
}

/**
 * Prints the base, then the patches, in two calls, so that the rest of a large base is not fetched.
 */
async function showValues(client: FlightClient, facts: KnownFacts, show: Show): Promise<void> {
  const { signal } = show.run;
  const { ref } = facts;
  let shown = 0;
  let heldVersion = 0;
  for (const isBase of [true, false]) {
    const answer = await openAnswer(client.doGet(formatTicket(ref.key, heldVersion), { signal }));
    const columns = opaqueColumns(answer.schema);
    if (columns?.hasKind !== true) throw new CacheError("INVALID_IPC", "the answer is not an opaque value");
    for await (const data of answer.batches) {
      if (shown >= Math.max(1, show.options.rows)) break;
      heldVersion = await showRow(data, columns, { ...show, facts });
      shown += 1;
      if (isBase) break;
    }
    if (heldVersion >= ref.version) return;
  }
}

/** @returns the version of the row. */
async function showRow(
  data: IncomingFlightData,
  columns: OpaqueColumns,
  { options, run, facts }: Show & { readonly facts: KnownFacts },
): Promise<number> {
  const { batch } = batchOf(data);
  const body = new ByteReader(data.chunks());
  const head = readRowHead(batch, await body.peek(rowHeadSizeBytes(batch)));
  const reader = new ByteReader(valueBytes(batch, body.pieces(data.bodySizeBytes), columns));
  const hasPatches = head.kind === "patch" || head.version < facts.ref.version;
  // A value over 2 GiB has several rows. Without patches, the size of the object is that of the
  // value.
  const storedBytes = hasPatches ? storedValueBytes(batch) : Math.max(0, facts.sizeBytes);
  const shown = await readable(reader, storedBytes, { options, run });
  if (options.json === true) {
    await run.print(jsonLine({ ...head, type: shown.kind, size: storedBytes, ...shown.json }));
  } else {
    const title = `-- ${head.kind}, version ${head.version}, ${formatSize(storedBytes)}\n`;
    await run.print((hasPatches ? title : "") + shown.text);
  }
  return head.version;
}

/** The displayed part of one value: its first bytes, or the first rows of a table in it. */
async function readable(
  reader: ByteReader,
  storedBytes: number,
  { options, run }: Show,
): Promise<Pick<ReadableValue, "text" | "json"> & { readonly kind: string }> {
  const tag = tagOf(await reader.peek(TAG_SIZE_BYTES));
  if (tag !== "table" && tag !== "recordBatch" && tag !== "array") {
    const start = await reader.peek(LIMITS.shownValueBytesMax + 1);
    const isWhole = start.length <= LIMITS.shownValueBytesMax;
    // The stored bytes may be compressed and fewer than the decompressed start.
    const sizeBytes = isWhole ? start.length : Math.max(storedBytes, start.length);
    const bytes = start.subarray(0, LIMITS.shownValueBytesMax);
    return readableValue({ bytes, sizeBytes });
  }
  await reader.read(TAG_SIZE_BYTES);
  const { text, rows } = await preview({ options, run }, -1, () => readArrowStream(reader));
  return options.json === true
    ? { kind: tag, text: "", json: { rows: rows() } }
    : { kind: tag, text: text(), json: {} };
}
