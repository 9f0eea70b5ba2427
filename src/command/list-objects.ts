/**
 * `ls [PREFIX]` and the output of `find`: one line per object, in server order or sorted.
 *
 * Prints objects as they arrive unless they are sorted: a million objects need no more memory than
 * a few hundred. A terminal gets titles and sizes with units; other output has no titles and sizes
 * in bytes. `--json` prints one JSON object per line.
 */
import { escapeInvisible } from "../log-format.ts";
import { ColumnPrinter, type ColumnSpec } from "./column-printer.ts";
import { jsonLine } from "./json-line.ts";
import { modifiedSince, objectsUnder, type SortKey, sortObjects, takeFirst } from "./listed-objects.ts";
import { factsAsJson, type ObjectFacts } from "./object-info.ts";
import { formatSize } from "./quantities.ts";
import { formatValueType } from "./value-type.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export interface ListOptions extends VerbOptions {
  readonly keys?: boolean;
  readonly bytes?: boolean;
  /** Maximum number of objects. */
  readonly limit?: number;
  readonly sort?: SortKey;
  /** Only objects put or patched since this time, ms since 1970. */
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

/** Characters per write. */
const BATCH_LENGTH = 64 * 1024;

export async function listObjects(prefix: string, options: ListOptions, run: VerbRun): Promise<"ok"> {
  const client = run.open(options);
  // A list of keys needs neither types nor times.
  const withFacts = options.keys !== true || options.since !== undefined || options.sort === "time";
  const objects = objectsUnder(client, prefix, { signal: run.signal, withFacts });
  await printObjects(objects, options, run);
  return "ok";
}

/** Prints the lines of `ls` and `find`. */
export async function printObjects(
  objects: AsyncIterable<ObjectFacts>,
  options: ListOptions,
  run: VerbRun,
): Promise<void> {
  const lines = new LineBatch(run);
  const add = rowPrinter(options, run, lines);
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const wanted = options.since === undefined ? objects : modifiedSince(objects, options.since);
  const shown =
    options.sort === undefined ? takeFirst(wanted, limit) : await sortObjects(wanted, options.sort, limit);
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
  if (options.keys === true) return { row: ({ key }) => lines.add(`${escapeInvisible(key)}\n`), end };
  const isTerminal = context.stdout.isTTY === true;
  const isExact = options.bytes === true || !isTerminal;
  const printer = new ColumnPrinter(COLUMNS, isTerminal, (text) => lines.add(text));
  return { row: (facts) => printer.add(asCells(facts, isExact)), end: () => printer.end() };
}

function asCells({ key, kind, type, ref, rows, sizeBytes }: ObjectFacts, isExact: boolean): string[] {
  const size = isExact ? String(sizeBytes) : formatSize(sizeBytes);
  return [
    escapeInvisible(key),
    kind,
    ref === undefined ? "-" : String(ref.version),
    rows < 0 ? "-" : String(rows),
    sizeBytes < 0 ? "-" : size,
    type === undefined ? "-" : escapeInvisible(formatValueType(type)),
  ];
}

/** Collects lines, because one write per line would cost more than everything else. */
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
