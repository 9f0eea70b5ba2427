/**
 * `du [PREFIX]`: prints the bytes and objects of each session or application, and the total.
 *
 * Counts the bytes of values and table bodies, as `ls` does; the server does not report the
 * overhead of files. Only the sums are held in memory.
 */

import { LIMITS } from "../limits.ts";
import { escapeInvisible } from "../log-format.ts";
import { ColumnPrinter, type ColumnSpec } from "./column-printer.ts";
import { jsonLine } from "./json-line.ts";
import { objectsUnder, tooManyObjects } from "./listed-objects.ts";
import { formatSize } from "./quantities.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export interface UsageOptions extends VerbOptions {
  /** One sum per application or per session. */
  readonly by: "app" | "session";
  readonly bytes?: boolean;
}

interface Sum {
  objects: number;
  sizeBytes: number;
}

const COLUMNS: readonly ColumnSpec[] = [
  { title: "SIZE", align: "right" },
  { title: "OBJECTS", align: "right" },
  { title: "PREFIX", align: "left" },
];

export async function diskUsage(prefix: string, options: UsageOptions, run: VerbRun): Promise<"ok"> {
  const client = run.open(options);
  const total: Sum = { objects: 0, sizeBytes: 0 };
  const sums = new Map<string, Sum>();
  await run.withProgress({ label: "du", unit: "objects" }, async (progress) => {
    for await (const facts of objectsUnder(client, prefix, { signal: run.signal, withFacts: false })) {
      const name = facts.key.split("/", options.by === "app" ? 1 : 2).join("/");
      const sum = sums.get(name) ?? { objects: 0, sizeBytes: 0 };
      sums.set(name, sum);
      if (sums.size > LIMITS.heldFactsMax) throw tooManyObjects();
      for (const each of [sum, total]) add(each, facts.sizeBytes);
      progress.add(1);
    }
  });
  await printSums(
    [...sums].sort(([, a], [, b]) => b.sizeBytes - a.sizeBytes),
    total,
    { options, run },
  );
  return "ok";
}

function add(sum: Sum, sizeBytes: number): void {
  sum.objects += 1;
  sum.sizeBytes += Math.max(0, sizeBytes);
}

async function printSums(
  sums: readonly (readonly [string, Sum])[],
  total: Sum,
  { options, run }: { readonly options: UsageOptions; readonly run: VerbRun },
): Promise<void> {
  if (options.json === true) {
    const lines = [...sums, ["", total] as const].map(([prefix, { objects, sizeBytes }]) =>
      jsonLine({ ...(prefix === "" ? { total: true } : { prefix }), objects, size: sizeBytes }),
    );
    return await run.print(lines.join(""));
  }
  const isTerminal = run.context.stdout.isTTY === true;
  const isExact = options.bytes === true || !isTerminal;
  const printer = new ColumnPrinter(COLUMNS, isTerminal, (text) => run.print(text));
  for (const [name, { objects, sizeBytes }] of [...sums, ["total", total] as const]) {
    const size = isExact ? String(sizeBytes) : formatSize(sizeBytes);
    await printer.add([size, String(objects), escapeInvisible(name)]);
  }
  await printer.end();
}
