/**
 * `get KEY`: writes an object: an opaque value as its bytes, a table as an Arrow IPC file or
 * stream.
 *
 * An opaque value is its base followed by its patches. The four-byte type tag of SDK values is left
 * out, or kept with `--raw`. A file that `put` uploaded comes back equal. With `-o`, the file
 * appears complete or not at all; standard output keeps what was written before a failure.
 */
import { isUtf8 } from "node:buffer";
import { extname } from "node:path";
import type { FlightClient } from "../client/flight/flight-client.ts";
import { formatTicket } from "../flight/ticket.ts";
import { TAG_SIZE_BYTES } from "../object/value-tags.ts";
import { type Answer, openAnswer } from "./answer.ts";
import { type ArrowForm, ArrowOutput, type WriteViews } from "./arrow-output.ts";
import { ByteReader } from "./byte-reader.ts";
import { VerbError } from "./failure.ts";
import { decodeFileMetadata } from "./file-metadata.ts";
import { jsonLine } from "./json-line.ts";
import { LocalOutput } from "./local-output.ts";
import { factsAsJson, fetchFacts, type ObjectFacts } from "./object-info.ts";
import {
  batchOf,
  type OpaqueColumns,
  opaqueColumns,
  readRowHead,
  rowHeadSizeBytes,
  valueBytes,
} from "./opaque-answer.ts";
import type { Progress } from "./progress.ts";
import { tagOf } from "./readable-value.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export interface GetOptions extends VerbOptions {
  readonly output?: string;
  readonly format?: ArrowForm;
  readonly force?: boolean;
  readonly raw?: boolean;
}

const STREAM_ENDING = ".arrows";
const CHUNK_BYTES = 1024 * 1024;

export async function get(key: string, options: GetOptions, run: VerbRun): Promise<"ok"> {
  if (options.json === true && options.output === undefined) {
    throw new VerbError(
      "usage",
      "--json needs -o FILE: standard output cannot hold both the object and the JSON",
    );
  }
  const client = run.open(options);
  const facts = await fetchFacts(client, key, run.signal);
  const form = options.format ?? chooseForm(options.output);
  const fetch: Fetch = { client, facts, form, isRaw: options.raw === true };
  const written =
    options.output === undefined
      ? await fetchObject({ ...fetch, write: standardOutput(options, run) }, run)
      : await fetchToFile(fetch, options.output, run);
  if (options.json === true)
    await run.print(jsonLine({ ...factsAsJson(facts), file: options.output, written }));
  return "ok";
}

/** A name that ends in `.arrows` and standard output mean a stream. */
function chooseForm(output: string | undefined): ArrowForm {
  return output === undefined || extname(output) === STREAM_ENDING ? "stream" : "file";
}

interface Fetch {
  readonly client: FlightClient;
  readonly facts: ObjectFacts;
  readonly form: ArrowForm;
  /** True: type tags are written too. */
  readonly isRaw: boolean;
}

async function fetchToFile(fetch: Fetch, path: string, run: VerbRun): Promise<number> {
  const output = await LocalOutput.open(path);
  try {
    const written = await fetchObject({ ...fetch, write: (views) => output.write(views) }, run);
    await output.commit();
    return written;
  } finally {
    await output.discard();
  }
}

/** @returns the number of bytes written. */
async function fetchObject(
  { client, facts, form, isRaw, write }: Fetch & { readonly write: WriteViews },
  run: VerbRun,
): Promise<number> {
  let written = 0;
  const counted: WriteViews = async (views) => {
    await write(views);
    for (const view of views) written += view.byteLength;
  };
  const total = facts.sizeBytes < 0 ? undefined : facts.sizeBytes;
  await run.withProgress({ label: "get", unit: "bytes", total }, async (progress) => {
    // Only a Flame cache returns the kind of each row, which tells where base and patches begin.
    const isOurs = facts.kind === "opaque" && facts.ref !== undefined;
    const ticket = isOurs && !isRaw ? formatTicket(facts.key, 0) : facts.ticket;
    const answer = await openAnswer(client.doGet(ticket, { signal: run.signal }));
    const columns = opaqueColumns(answer.schema);
    if (columns === undefined) await writeTable(answer, form, counted, progress);
    else await writeValue(answer, columns, counted, progress);
  });
  return written;
}

async function writeValue(
  { batches }: Answer,
  columns: OpaqueColumns,
  write: WriteViews,
  progress: Progress,
): Promise<void> {
  let version = 0;
  for await (const data of batches) {
    const { batch } = batchOf(data);
    const body = new ByteReader(data.chunks());
    const head = columns.hasKind ? readRowHead(batch, await body.peek(rowHeadSizeBytes(batch))) : undefined;
    const value = new ByteReader(valueBytes(batch, body.pieces(data.bodySizeBytes), columns));
    // A value over 2 GiB continues in rows of the same version.
    if (head !== undefined && head.version !== version) await skipTag(value);
    version = head?.version ?? 0;
    for (
      let chunk = await value.next(CHUNK_BYTES);
      chunk !== undefined;
      chunk = await value.next(CHUNK_BYTES)
    ) {
      await write([chunk]);
      progress.add(chunk.length);
    }
  }
}

async function skipTag(value: ByteReader): Promise<void> {
  const tag = tagOf(await value.peek(TAG_SIZE_BYTES));
  if (tag !== undefined && tag !== "unknown") await value.read(TAG_SIZE_BYTES);
}

async function writeTable(
  { schemaHeader, appMetadata, batches }: Answer,
  form: ArrowForm,
  write: WriteViews,
  progress: Progress,
): Promise<void> {
  // Copy the header: it is a view of a socket's buffer, and the footer needs it at the end.
  const schema = { schemaHeader: Buffer.from(schemaHeader), metadata: decodeFileMetadata(appMetadata) };
  const output = new ArrowOutput(form, schema, write);
  await output.begin();
  for await (const data of batches) {
    async function* body(): AsyncGenerator<Buffer> {
      for await (const chunk of data.chunks()) {
        yield chunk;
        progress.add(chunk.length);
      }
    }
    await output.batch(data.dataHeader, batchOf(data), body());
  }
  await output.end();
}

/** Rejects binary output to a terminal. */
function standardOutput({ force }: GetOptions, run: VerbRun): WriteViews {
  const isGuarded = run.context.stdout.isTTY === true && force !== true;
  let last = 0;
  return async (views) => {
    for (const view of views) {
      if (isGuarded && isBinary(view, last)) {
        throw new VerbError(
          "usage",
          "the object is not text: write it to a file with -o FILE, or to the terminal with --force",
        );
      }
      await run.print(view);
      last = view.at(-1) ?? last;
    }
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern matches control characters
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]|\u00c2[\u0080-\u009f]/;

/**
 * Whether the bytes are not UTF-8 text or contain control characters, which include U+0080 to
 * U+009F: in UTF-8 these are C2 and one byte. A chunk may begin and end within a character.
 * @param last the byte before them
 */
function isBinary(bytes: Uint8Array, last: number): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (CONTROL.test(String.fromCharCode(last === 0xc2 ? last : 0x20) + text.toString("latin1"))) return true;
  let start = 0;
  while (start < 3 && start < text.length && (text[start]! & 0xc0) === 0x80) start += 1;
  for (let end = text.length; end >= start && end > text.length - 4; end -= 1) {
    if (isUtf8(text.subarray(start, end))) return false;
  }
  return text.length > start;
}
