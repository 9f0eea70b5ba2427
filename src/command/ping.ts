/**
 * `ping` and `info`: test whether a server answers, how fast, and what it offers and holds.
 *
 * A ping is a call of ListActions, which every Flight server implements. The first call includes
 * opening the connection.
 */
import type { FlightClient } from "../client/flight/flight-client.ts";
import { escapeInvisible } from "../log-format.ts";
import { jsonLine } from "./json-line.ts";
import { objectsUnder } from "./listed-objects.ts";
import { formatCount, formatSize } from "./quantities.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export interface PingOptions extends VerbOptions {
  readonly count: number;
}

export async function ping(options: PingOptions, run: VerbRun): Promise<"ok"> {
  const client = run.open(options);
  for (let index = 1; index <= options.count; index += 1) {
    const { milliseconds } = await timeListActions(client, run);
    const text = `${client.endpoint} answered in ${milliseconds.toFixed(1)} ms${index === 1 ? " (connected)" : ""}\n`;
    const json = jsonLine({ endpoint: client.endpoint, call: index, milliseconds: rounded(milliseconds) });
    await run.print(options.json === true ? json : text);
  }
  return "ok";
}

export async function info(options: VerbOptions, run: VerbRun): Promise<"ok"> {
  const client = run.open(options);
  const { actions } = await timeListActions(client, run);
  const { milliseconds } = await timeListActions(client, run);
  const counts = { opaque: 0, table: 0 };
  let sizeBytes = 0;
  await run.withProgress({ label: "info: counting", unit: "objects" }, async (progress) => {
    for await (const facts of objectsUnder(client, "", { signal: run.signal, withFacts: false })) {
      counts[facts.kind] += 1;
      sizeBytes += Math.max(0, facts.sizeBytes);
      progress.add(1);
    }
  });
  const { endpoint } = client;
  if (options.json === true) {
    const { opaque, table } = counts;
    const objects = opaque + table;
    const line = {
      endpoint,
      milliseconds: rounded(milliseconds),
      objects,
      opaque,
      table,
      size: sizeBytes,
      actions,
    };
    await run.print(jsonLine(line));
    return "ok";
  }
  await run.print(
    [
      `endpoint  ${endpoint}`,
      `answers   in ${milliseconds.toFixed(1)} ms`,
      `objects   ${formatCount(counts.opaque, "value")}, ${formatCount(counts.table, "table")}`,
      `size      ${formatSize(sizeBytes)}`,
      `actions   ${actions.join(", ")}`,
    ]
      .map((line) => `${escapeInvisible(line)}\n`)
      .join(""),
  );
  return "ok";
}

async function timeListActions(
  client: FlightClient,
  { signal }: VerbRun,
): Promise<{ readonly actions: string[]; readonly milliseconds: number }> {
  const startedMs = performance.now();
  const actions: string[] = [];
  for await (const { type } of client.listActions({ signal })) actions.push(type);
  return { actions, milliseconds: performance.now() - startedMs };
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}
