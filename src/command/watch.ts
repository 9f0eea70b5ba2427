/**
 * `watch [PREFIX]`: prints a line for each object that is added, changed or removed.
 *
 *     + app/session/object version 1      put since the last poll
 *     ~ app/session/object version 2      replaced or patched
 *     - app/session/object                deleted, evicted or expired
 *
 * The server cannot push, so this verb polls. Several changes between two polls appear as one.
 * Holds the key and version of each object, at most LIMITS.heldFactsMax.
 */
import { setTimeout } from "node:timers/promises";
import type { FlightClient } from "../client/flight/flight-client.ts";
import { LIMITS } from "../limits.ts";
import { escapeInvisible } from "../log-format.ts";
import { cancelled } from "./failure.ts";
import { jsonLine } from "./json-line.ts";
import { objectsUnder, tooManyObjects } from "./listed-objects.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export interface WatchOptions extends VerbOptions {
  /** Seconds between two polls. */
  readonly interval: number;
  /** Ends after this many changes. */
  readonly changes?: number;
  /** True: objects that exist at the start count as added. */
  readonly initial?: boolean;
}

type Versions = ReadonlyMap<string, number>;

interface Change {
  readonly event: "added" | "changed" | "removed";
  readonly key: string;
  readonly version?: number;
}

const SIGNS = { added: "+", changed: "~", removed: "-" } as const;

export async function watch(prefix: string, options: WatchOptions, run: VerbRun): Promise<"ok"> {
  const client = run.open(options);
  let left = options.changes ?? Number.POSITIVE_INFINITY;
  let seen: Versions | undefined = options.initial === true ? new Map() : undefined;
  for (;;) {
    const now = await poll(client, prefix, run);
    for (const change of changesBetween(seen ?? now, now)) {
      await run.print(options.json === true ? jsonLine(change) : formatChange(change));
      left -= 1;
      if (left === 0) return "ok";
    }
    seen = now;
    await pause(options.interval, run.signal);
  }
}

async function poll(client: FlightClient, prefix: string, { signal }: VerbRun): Promise<Versions> {
  const versions = new Map<string, number>();
  for await (const { key, ref } of objectsUnder(client, prefix, { signal, withFacts: false })) {
    versions.set(key, ref?.version ?? 0);
    if (versions.size > LIMITS.heldFactsMax) throw tooManyObjects();
  }
  return versions;
}

/** Added and changed objects in list order, then removed ones. */
export function* changesBetween(before: Versions, now: Versions): Generator<Change> {
  for (const [key, version] of now) {
    const earlier = before.get(key);
    if (earlier === undefined) yield { event: "added", key, version };
    else if (earlier !== version) yield { event: "changed", key, version };
  }
  for (const key of before.keys()) if (!now.has(key)) yield { event: "removed", key };
}

function formatChange({ event, key, version }: Change): string {
  const text = version === undefined ? key : `${key} version ${version}`;
  return `${SIGNS[event]} ${escapeInvisible(text)}\n`;
}

async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(1000 * seconds, undefined, { signal });
  } catch {
    throw cancelled();
  }
}
