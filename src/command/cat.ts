/**
 * `cat KEY`: an object as people read it: a table's first rows, JSON, text, or the first bytes in hexadecimal.
 *
 * Only what is shown is fetched: as many batches as the rows need, the first MiB of a value. Patches of an opaque value stand behind
 * its base, each with its version, as SDKs keep them apart. `--json` gives a JSON object per row, or per base and patch.
 */
import type { FlightClient } from "../client/flight/flight-client.ts";
import type { IncomingFlightData } from "../client/flight/incoming-flight-data.ts";
import { TAG_SIZE_BYTES } from "../client/values/value-tags.ts";
import { CacheError } from "../errors.ts";
import { formatTicket } from "../flight/ticket.ts";
import { LIMITS } from "../limits.ts";
import type { ObjectRef } from "../object/object-ref.ts";
import { type Answer, openAnswer } from "./answer.ts";
import { type ArrowInput, type ArrowMessage, readArrowStream } from "./arrow-input.ts";
import { previewTable, type TablePreview } from "./arrow-preview.ts";
import { ByteReader } from "./byte-reader.ts";
import { jsonCell } from "./cell-json.ts";
import { askFor, type ObjectFacts } from "./object-info.ts";
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
import { type ReadableValue, readableValue, tagOf } from "./readable-value.ts";
import { formatTable } from "./table-view.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export interface CatOptions extends VerbOptions {
  /** Rows of a table, and values of an opaque object. */
  readonly rows: number;
}

interface Show {
  readonly options: CatOptions;
  readonly run: VerbRun;
}

export async function cat(key: string, options: CatOptions, run: VerbRun): Promise<"ok"> {
  const client = run.open(options);
  const facts = await askFor(client, key, run.signal);
  if (facts.kind === "opaque" && facts.ref !== undefined) {
    await showValues(client, facts.ref, { options, run });
  } else {
    await showTable(client, facts, { options, run });
  }
  return "ok";
}

async function showTable(client: FlightClient, facts: ObjectFacts, { options, run }: Show): Promise<void> {
  const preview = await run.withProgress({ label: "cat", unit: "bytes" }, async (progress) => {
    const answer = await openAnswer(client.doGet(facts.ticket, { signal: run.signal }));
    return await previewTable(arrowOf(answer), options.rows, progress);
  });
  if (options.json === true) {
    await run.print(
      rowsAsJson(preview)
        .map((row) => `${JSON.stringify(row)}\n`)
        .join(""),
    );
    return;
  }
  const columns = run.context.stdout.isTTY === true ? run.context.stdout.columns : undefined;
  await run.print(formatTable(preview, { columns, totalRows: facts.rows }));
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
  return Array.from({ length: rowCount }, (_, row) =>
    Object.fromEntries(fields.map((field, column) => [field.name, jsonCell(value(row, column), field)])),
  );
}

/** The base, then the patches behind it: what is left of a large base is not fetched for their sake. */
async function showValues(client: FlightClient, ref: ObjectRef, show: Show): Promise<void> {
  const { signal } = show.run;
  let shown = 0;
  let heldVersion = 0;
  for (const isBase of [true, false]) {
    const answer = await openAnswer(client.doGet(formatTicket(ref.key, heldVersion), { signal }));
    const columns = opaqueColumns(answer.schema);
    if (columns?.hasKind !== true)
      throw new CacheError("INVALID_IPC", "the answer is none about an opaque value");
    for await (const data of answer.batches) {
      if (shown >= Math.max(1, show.options.rows)) break;
      heldVersion = await showRow(data, columns, { ...show, currentVersion: ref.version });
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
  { options, run, currentVersion }: Show & { readonly currentVersion: number },
): Promise<number> {
  const { batch } = batchOf(data);
  const body = new ByteReader(data.chunks());
  const head = readRowHead(batch, await body.peek(rowHeadSizeBytes(batch)));
  const reader = new ByteReader(valueBytes(batch, body.pieces(data.bodySizeBytes), columns));
  const sizeBytes = storedValueBytes(batch);
  const shown = await readable(reader, sizeBytes, { options, run });
  if (options.json === true) {
    await run.print(`${JSON.stringify({ ...head, type: shown.kind, size: sizeBytes, ...shown.json })}\n`);
  } else {
    const hasPatches = head.kind === "patch" || head.version < currentVersion;
    await run.print(
      (hasPatches ? `-- ${head.kind}, version ${head.version}, ${formatSize(sizeBytes)}\n` : "") + shown.text,
    );
  }
  return head.version;
}

/** What is shown of one value: its beginning, of a table in it the first rows. */
async function readable(
  reader: ByteReader,
  sizeBytes: number,
  { options, run }: Show,
): Promise<Pick<ReadableValue, "text" | "json"> & { readonly kind: string }> {
  const start = await reader.peek(TAG_SIZE_BYTES);
  const tag = tagOf(start);
  if (tag !== "table" && tag !== "recordBatch" && tag !== "array") {
    return readableValue({ bytes: await reader.peek(LIMITS.shownValueBytesMax), sizeBytes });
  }
  await reader.read(TAG_SIZE_BYTES);
  const preview = await run.withProgress({ label: "cat", unit: "bytes" }, async (progress) =>
    previewTable(await readArrowStream(reader), options.rows, progress),
  );
  const columns = run.context.stdout.isTTY === true ? run.context.stdout.columns : undefined;
  return {
    kind: tag,
    text: formatTable(preview, { columns, totalRows: -1 }),
    json: { rows: rowsAsJson(preview) },
  };
}
