/**
 * Objects as a server lists them: those of a prefix, filtered and sorted as `ls`, `find`, `du` and `watch` need them.
 *
 * Without an order they pass while they come. To sort them all are held, LIMITS.heldFactsMax at most; with a limit only as many
 * as are shown.
 */
import type { FlightClient } from "../client/flight/flight-client.ts";
import { isCacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { VerbError } from "./failure.ts";
import { factsOf, type ObjectFacts, WITH_FACTS } from "./object-info.ts";
import { formatCount } from "./quantities.ts";

export const SORT_KEYS = ["key", "size", "rows", "version", "time"] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface Listing {
  readonly signal: AbortSignal;
  /** True: the server is asked for times and first bytes of values, which costs it a read for each object. */
  readonly withFacts: boolean;
}

/** Everything that a prefix names. @throws {VerbError} usage when it is none */
export async function* objectsUnder(
  client: FlightClient,
  prefix: string,
  { signal, withFacts }: Listing,
): AsyncGenerator<ObjectFacts> {
  try {
    const metadata = withFacts ? WITH_FACTS : {};
    for await (const info of client.listFlights(prefix, { signal, metadata })) yield factsOf(info);
  } catch (error) {
    if (!isCacheError(error, "INVALID_KEY")) throw error;
    throw new VerbError("usage", `${error.message}: a prefix is app, app/session or app/session/object`);
  }
}

/** Those that were put or patched at a time or later. @throws {VerbError} unavailable where the server does not tell times */
export async function* since(
  objects: AsyncIterable<ObjectFacts>,
  timeMs: number,
): AsyncGenerator<ObjectFacts> {
  for await (const facts of objects) if (modifiedOf(facts) >= timeMs) yield facts;
}

/** @throws {VerbError} unavailable */
export function modifiedOf({ key, modifiedMs }: ObjectFacts): number {
  if (modifiedMs !== undefined) return modifiedMs;
  throw new VerbError("unavailable", `the server does not tell when ${key} was put`);
}

/** The first ones. */
export async function* first(
  objects: AsyncIterable<ObjectFacts>,
  limit: number,
): AsyncGenerator<ObjectFacts> {
  let left = limit;
  if (left === 0) return;
  for await (const facts of objects) {
    yield facts;
    left -= 1;
    if (left === 0) return;
  }
}

/** Keys from A to Z, all else from the largest, newest or highest; equal ones by their key. */
export async function sorted(
  objects: AsyncIterable<ObjectFacts>,
  by: SortKey,
  limit: number,
): Promise<ObjectFacts[]> {
  const compare = COMPARISONS[by];
  const order = (a: ObjectFacts, b: ObjectFacts): number => compare(a, b) || byKey(a, b);
  const held: ObjectFacts[] = [];
  const heldMax = Math.min(LIMITS.heldFactsMax, 2 * limit + 1000);
  for await (const facts of objects) {
    held.push(facts);
    if (held.length < heldMax) continue;
    if (held.length >= LIMITS.heldFactsMax) throw tooMany();
    held.sort(order).splice(limit);
  }
  return held.sort(order).slice(0, limit);
}

export function tooMany(): VerbError {
  const text = `there are over ${formatCount(LIMITS.heldFactsMax, "object")}: give a longer prefix`;
  return new VerbError("dataError", text);
}

const byKey = (a: ObjectFacts, b: ObjectFacts): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

const COMPARISONS: Readonly<Record<SortKey, (a: ObjectFacts, b: ObjectFacts) => number>> = {
  key: byKey,
  size: (a, b) => b.sizeBytes - a.sizeBytes,
  rows: (a, b) => b.rows - a.rows,
  version: (a, b) => (b.ref?.version ?? 0) - (a.ref?.version ?? 0),
  time: (a, b) => modifiedOf(b) - modifiedOf(a),
};
