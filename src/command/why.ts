/**
 * `why KEY`: prints in one sentence why an object is here or gone, then its events, newest first.
 *
 * The server keeps the events (docs/journal.md); this verb prints them.
 */
import { type WhyEvent, whyNamed } from "../client/cache/observing-calls.ts";
import { escapeInvisible } from "../log-format.ts";
import { ColumnPrinter, type ColumnSpec } from "./column-printer.ts";
import { jsonLine } from "./json-line.ts";
import { paint } from "./paint.ts";
import { formatSize } from "./quantities.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

const COLUMNS: readonly ColumnSpec[] = [
  { title: "TIME", align: "left" },
  { title: "EVENT", align: "left" },
  { title: "VERSION", align: "right" },
  { title: "SIZE", align: "right" },
  { title: "BY", align: "left" },
  { title: "CAUSE", align: "left" },
];

export async function why(key: string, options: VerbOptions, run: VerbRun): Promise<"ok"> {
  const answer = await whyNamed(run.open(options), key, { signal: run.signal });
  if (options.json === true) {
    await run.print(jsonLine(answer));
    return "ok";
  }
  const isTerminal = run.context.stdout.isTTY === true;
  const colour = answer.present ? "green" : "yellow";
  await run.print(`${paint(run.context.stdout, colour, escapeInvisible(answer.answer))}\n`);
  if (answer.events.length === 0) return "ok";
  await run.print("\n");
  const printer = new ColumnPrinter(COLUMNS, isTerminal, (text) => run.print(text));
  for (const event of answer.events) await printer.add(cellsOf(event, answer.key));
  await printer.end();
  return "ok";
}

/** An event of a session or application names it, because it is not the key that was asked for. */
function cellsOf({ at, event, name, version, bytes, by, cause }: WhyEvent, key: string): string[] {
  const subject = name === key ? [] : [`of ${name}`];
  return [
    at ?? "-",
    event,
    version === null ? "-" : String(version),
    bytes === null ? "-" : formatSize(bytes),
    by ?? "-",
    [...subject, ...(cause === null ? [] : [cause])].join(", ") || "-",
  ].map((cell) => escapeInvisible(String(cell)));
}
