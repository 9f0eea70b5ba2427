/**
 * `logs`: follows the log of a running server from a level on, until Ctrl-C.
 *
 * The lines look as the server itself would write them: coloured text on a terminal, text in a
 * pipe, JSON with `--json`.
 */
import type { LogRecord } from "@logtape/logtape";
import { followLog } from "../client/cache/observing-calls.ts";
import { textLineFormatter } from "../log-format.ts";
import { jsonLine } from "./json-line.ts";
import { hasColours } from "./paint.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export interface LogsOptions extends VerbOptions {
  readonly level: string;
  /** Ends after this many lines. */
  readonly lines?: number;
}

export async function logs(options: LogsOptions, run: VerbRun): Promise<"ok"> {
  const format = textLineFormatter({ isColoured: hasColours(run.context.stdout) });
  let left = options.lines ?? Number.POSITIVE_INFINITY;
  for await (const line of followLog(run.open(options), options.level, { signal: run.signal })) {
    await run.print(options.json === true ? jsonLine(line) : format(recordOf(line)));
    left -= 1;
    if (left === 0) break;
  }
  return "ok";
}

/** The record that the server formatted as JSON. */
function recordOf(line: Readonly<Record<string, unknown>>): LogRecord {
  const { time, level, target, text, ...properties } = line;
  const timestamp = Date.parse(String(time));
  return {
    timestamp: Number.isNaN(timestamp) ? 0 : timestamp,
    level: level === "warn" ? "warning" : isLevel(level) ? level : "info",
    category: String(target).split("::"),
    message: [String(text)],
    rawMessage: String(text),
    properties,
  };
}

const LEVELS = ["trace", "debug", "info", "error"] as const;

function isLevel(level: unknown): level is (typeof LEVELS)[number] {
  return LEVELS.some((each) => each === level);
}
