/**
 * Lists, filters and sorts the objects under a prefix, for `ls`, `find`, `du` and `watch`.
 *
 * Unsorted objects are passed on as they arrive. Sorting holds at most LIMITS.heldFactsMax objects,
 * or with a limit about twice the limit.
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
  /**
   * True: requests times and the first bytes of values, which costs the server one read per object.
   */
  readonly withFacts: boolean;
}

/** The objects under a prefix. @throws {VerbError} usage if the prefix is invalid. */
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

/**
 * Only objects put or patched at `timeMs` or later.
 * @throws {VerbError} unavailable if the server reports no times.
 */
export async function* modifiedSince(
  objects: AsyncIterable<ObjectFacts>,
  timeMs: number,
): AsyncGenerator<ObjectFacts> {
  for await (const facts of objects) if (modifiedOf(facts) >= timeMs) yield facts;
}

/**
 * When the object was last put or patched.
 * @throws {VerbError} unavailable if the server reports no times.
 */
export function modifiedOf({ key, modifiedMs }: ObjectFacts): number {
  if (modifiedMs !== undefined) return modifiedMs;
  throw new VerbError("unavailable", `the server does not report when ${key} was put`);
}

/** At most `limit` objects. */
export async function* takeFirst(
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

/** Sorts keys from A to Z, anything else from the largest, newest or highest; ties by key. */
export async function sortObjects(
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
    if (held.length >= LIMITS.heldFactsMax) throw tooManyObjects();
    held.sort(order).splice(limit);
  }
  return held.sort(order).slice(0, limit);
}

export function tooManyObjects(): VerbError {
  const text = `there are more than ${formatCount(LIMITS.heldFactsMax, "object")}: give a longer prefix`;
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
