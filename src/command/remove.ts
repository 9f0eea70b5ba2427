/**
 * `rm PREFIX`: deletes an object, a session or an application. Asks before it deletes more than
 * one.
 *
 * The objects are counted first. Without a terminal to ask on, `--yes` is required. Objects may
 * change between the count and the deletion; the server deletes everything under the prefix at that
 * time.
 */
import type { FlightClient } from "../client/flight/flight-client.ts";
import { parseObjectKey, parseSessionPrefix } from "../object/object-key.ts";
import { ByteReader } from "./byte-reader.ts";
import type { ExitName } from "./exit-codes.ts";
import { VerbError } from "./failure.ts";
import { jsonLine } from "./json-line.ts";
import { objectsUnder } from "./listed-objects.ts";
import { formatCount, formatSize } from "./quantities.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export interface RemoveOptions extends VerbOptions {
  readonly yes?: boolean;
}

const ANSWER_BYTES_MAX = 1024;

export async function remove(prefix: string, options: RemoveOptions, run: VerbRun): Promise<ExitName> {
  checkPrefix(prefix, "rm");
  const client = run.open(options);
  const found = await countObjects(client, prefix, run);
  if (found.count === 0)
    throw new VerbError("noInput", `[OBJECT_NOT_FOUND] nothing to delete: no object at ${prefix}`);
  if (found.count > 1 && options.yes !== true && !(await isConfirmed(prefix, found, run))) {
    run.note("nothing was deleted");
    return "declined";
  }
  await run.withProgress({ label: "rm", unit: "objects" }, async () => {
    for await (const _ of client.doAction("DELETE", Buffer.from(prefix), { signal: run.signal }));
  });
  const { count, sizeBytes } = found;
  const result = jsonLine({ prefix, objects: count, size: sizeBytes });
  await run.print(options.json === true ? result : `deleted ${describe(found)}\n`);
  return "ok";
}

/**
 * @throws {CacheError} INVALID_KEY
 * @throws {VerbError} usage for `app` alone: a forgotten session must not name a whole application.
 */
export function checkPrefix(prefix: string, verb: string): void {
  const parts = prefix.split("/");
  if (parts.length === 1) {
    throw new VerbError(
      "usage",
      `[INVALID_KEY] '${prefix}' has no session; for the whole application use: ${verb} '${prefix}/*'`,
    );
  }
  if (parts.length === 3) parseObjectKey(prefix);
  else parseSessionPrefix(prefix.endsWith("/*") ? `${parts[0]}/any` : prefix);
}

interface Found {
  count: number;
  sizeBytes: number;
}

async function countObjects(client: FlightClient, prefix: string, run: VerbRun): Promise<Found> {
  return await run.withProgress({ label: "rm: counting", unit: "objects" }, async (progress) => {
    const found: Found = { count: 0, sizeBytes: 0 };
    for await (const { sizeBytes } of objectsUnder(client, prefix, {
      signal: run.signal,
      withFacts: false,
    })) {
      found.count += 1;
      found.sizeBytes += Math.max(0, sizeBytes);
      progress.add(1);
    }
    return found;
  });
}

function describe({ count, sizeBytes }: Found): string {
  return `${formatCount(count, "object")} (${formatSize(sizeBytes)})`;
}

/** @throws {VerbError} usage without a terminal to ask on. */
async function isConfirmed(prefix: string, found: Found, { context, signal }: VerbRun): Promise<boolean> {
  const { stdin, stderr } = context;
  if (stdin.isTTY !== true || stderr.isTTY !== true) {
    throw new VerbError("usage", `this would delete ${describe(found)} at ${prefix}: confirm with --yes`);
  }
  stderr.write(`Delete ${describe(found)} at ${prefix}? [y/N] `);
  const answer = await readLine(new ByteReader(stdin, signal));
  // The input ended without a line end, so the cursor is still on the line of the question.
  if (!answer.endsWith("\n")) stderr.write("\n");
  return /^y(es)?$/i.test(answer.trim());
}

async function readLine(reader: ByteReader): Promise<string> {
  let line = "";
  while (!line.includes("\n") && line.length < ANSWER_BYTES_MAX) {
    const piece = await reader.next(ANSWER_BYTES_MAX);
    if (piece === undefined) break;
    line += piece.toString("latin1");
  }
  return line;
}
