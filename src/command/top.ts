/**
 * `top`: the keys that are read most, and the largest sessions and applications.
 *
 * The server estimates the gets (src/cache/hot-keys.ts) and sums up the sizes.
 */
import { fetchTop, type TopAnswer, type TopGroup } from "../client/cache/observing-calls.ts";
import { escapeInvisible } from "../log-format.ts";
import { alignRows } from "./align-rows.ts";
import { jsonLine } from "./json-line.ts";
import { type LiveOptions, showViews } from "./live-view.ts";
import { formatSize } from "./quantities.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export interface TopOptions extends VerbOptions, LiveOptions {
  /** Rows of each list. */
  readonly limit: number;
}

export async function top(options: TopOptions, run: VerbRun): Promise<"ok"> {
  const client = run.open(options);
  const draw = async (): Promise<readonly string[]> => {
    const answer = await fetchTop(client, { signal: run.signal });
    return options.json === true ? [jsonLine(answer).trimEnd()] : viewOf(answer, options.limit);
  };
  await showViews(draw, options, run);
  return "ok";
}

function viewOf({ counted, keys, sessions, applications }: TopAnswer, limit: number): string[] {
  const hot = keys
    .slice(0, limit)
    .map(({ key, gets, gets_per_second: rate }) => [rate.toFixed(1), `~${gets}`, key]);
  return [
    ...table(["GETS/S", "GETS", "KEY"], hot),
    "",
    ...(counted === false
      ? ["sessions and applications: not counted"]
      : [
          ...table(["SIZE", "OBJECTS", "SESSION"], sessions.slice(0, limit).map(groupCells)),
          "",
          ...table(["SIZE", "OBJECTS", "APPLICATION"], applications.slice(0, limit).map(groupCells)),
        ]),
  ];
}

function groupCells({ name, objects, data_bytes: bytes }: TopGroup): string[] {
  return [formatSize(bytes), String(objects), name];
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const shown = rows.length === 0 ? [["-", "-", "-"]] : rows;
  return alignRows([titles, ...shown], ["right", "right", "left"]).map(escapeInvisible);
}
