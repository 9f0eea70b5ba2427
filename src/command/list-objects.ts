/**
 * `ls [PREFIX]`: what is in the cache, a line each, in the order in which the server tells.
 *
 * Printed while it comes: a million objects take no more memory than a few hundred. On a terminal with titles and sizes
 * for people, elsewhere without titles and with sizes in bytes; `--json` gives a JSON object per line.
 */
import type { FlightClient } from "../client/flight/flight-client.ts";
import { isCacheError } from "../errors.ts";
import { escapeUnseen } from "../log-format.ts";
import { ColumnPrinter, type ColumnSpec } from "./column-printer.ts";
import { VerbError } from "./failure.ts";
import { jsonLine } from "./json-line.ts";
import { factsAsJson, factsOf, type ObjectFacts } from "./object-info.ts";
import { formatSize } from "./quantities.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export interface ListOptions extends VerbOptions {
  readonly keys?: boolean;
  readonly bytes?: boolean;
}

const COLUMNS: readonly ColumnSpec[] = [
  { title: "KEY", align: "left" },
  { title: "KIND", align: "left" },
  { title: "VERSION", align: "right" },
  { title: "ROWS", align: "right" },
  { title: "SIZE", align: "right" },
];

/** So much is printed in one go. */
const BATCH_LENGTH = 64 * 1024;

export async function listObjects(prefix: string, options: ListOptions, run: VerbRun): Promise<"ok"> {
  const client = run.open(options);
  const lines = new LineBatch(run);
  const add = rowPrinter(options, run, lines);
  for await (const facts of objectsUnder(client, prefix, run.signal)) await add.row(facts);
  await add.end();
  await lines.flush();
  return "ok";
}

/** Everything that a prefix names. @throws {VerbError} usage when it is none */
export async function* objectsUnder(
  client: FlightClient,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<ObjectFacts> {
  try {
    for await (const info of client.listFlights(prefix, { signal })) yield factsOf(info);
  } catch (error) {
    if (!isCacheError(error, "INVALID_KEY")) throw error;
    throw new VerbError("usage", `${error.message}: a prefix is app, app/session or app/session/object`);
  }
}

interface RowPrinter {
  row(facts: ObjectFacts): Promise<void>;
  end(): Promise<void>;
}

function rowPrinter(options: ListOptions, { context }: VerbRun, lines: LineBatch): RowPrinter {
  const end = async (): Promise<void> => {};
  if (options.json === true) return { row: (facts) => lines.add(jsonLine(factsAsJson(facts))), end };
  if (options.keys === true) return { row: ({ key }) => lines.add(`${escapeUnseen(key)}\n`), end };
  const isForPeople = context.stdout.isTTY === true;
  const isExact = options.bytes === true || !isForPeople;
  const printer = new ColumnPrinter(COLUMNS, isForPeople, (text) => lines.add(text));
  return { row: (facts) => printer.add(asCells(facts, isExact)), end: () => printer.end() };
}

function asCells({ key, kind, ref, rows, sizeBytes }: ObjectFacts, isExact: boolean): string[] {
  const size = isExact ? String(sizeBytes) : formatSize(sizeBytes);
  return [
    escapeUnseen(key),
    kind,
    ref === undefined ? "-" : String(ref.version),
    rows < 0 ? "-" : String(rows),
    sizeBytes < 0 ? "-" : size,
  ];
}

/** Gathers lines: a write for each would cost more than all the rest. */
class LineBatch {
  readonly #run: VerbRun;
  #text = "";

  constructor(run: VerbRun) {
    this.#run = run;
  }

  async add(text: string): Promise<void> {
    this.#text += text;
    if (this.#text.length >= BATCH_LENGTH) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#text === "") return;
    const text = this.#text;
    this.#text = "";
    await this.#run.print(text);
  }
}
