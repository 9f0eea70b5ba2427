/**
 * `ls [PREFIX]` and `find [PREFIX]`: what is in the cache, a line each, in the order in which the server lists it or sorted.
 *
 * Printed while it comes, unless it is sorted: a million objects take no more memory than a few hundred. On a terminal with
 * titles and sizes for people, elsewhere without titles and with sizes in bytes; `--json` gives a JSON object per line.
 */
import { escapeUnseen } from "../log-format.ts";
import { ColumnPrinter, type ColumnSpec } from "./column-printer.ts";
import { jsonLine } from "./json-line.ts";
import { first, objectsUnder, type SortKey, since, sorted } from "./listed-objects.ts";
import { factsAsJson, type ObjectFacts } from "./object-info.ts";
import { formatSize } from "./quantities.ts";
import { formatValueType } from "./value-type.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export interface ListOptions extends VerbOptions {
  readonly keys?: boolean;
  readonly bytes?: boolean;
  /** Shows so many at most. */
  readonly limit?: number;
  readonly sort?: SortKey;
  /** Put or patched since then, ms since 1970. */
  readonly since?: number;
}

const COLUMNS: readonly ColumnSpec[] = [
  { title: "KEY", align: "left" },
  { title: "KIND", align: "left" },
  { title: "VERSION", align: "right" },
  { title: "ROWS", align: "right" },
  { title: "SIZE", align: "right" },
  { title: "TYPE", align: "left" },
];

/** So much is printed in one go. */
const BATCH_LENGTH = 64 * 1024;

export async function listObjects(prefix: string, options: ListOptions, run: VerbRun): Promise<"ok"> {
  const client = run.open(options);
  // Keys alone need neither types nor times.
  const withFacts = options.keys !== true || options.since !== undefined || options.sort === "time";
  const objects = objectsUnder(client, prefix, { signal: run.signal, withFacts });
  await printObjects(objects, options, run);
  return "ok";
}

/** The lines of `ls` and `find`. */
export async function printObjects(
  objects: AsyncIterable<ObjectFacts>,
  options: ListOptions,
  run: VerbRun,
): Promise<void> {
  const lines = new LineBatch(run);
  const add = rowPrinter(options, run, lines);
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const wanted = options.since === undefined ? objects : since(objects, options.since);
  const shown = options.sort === undefined ? first(wanted, limit) : await sorted(wanted, options.sort, limit);
  for await (const facts of shown) await add.row(facts);
  await add.end();
  await lines.flush();
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

function asCells({ key, kind, type, ref, rows, sizeBytes }: ObjectFacts, isExact: boolean): string[] {
  const size = isExact ? String(sizeBytes) : formatSize(sizeBytes);
  return [
    escapeUnseen(key),
    kind,
    ref === undefined ? "-" : String(ref.version),
    rows < 0 ? "-" : String(rows),
    sizeBytes < 0 ? "-" : size,
    type === undefined ? "-" : escapeUnseen(formatValueType(type)),
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
