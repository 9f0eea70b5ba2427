/**
 * Lists readable objects in the order of their keys: application, session, object id, each compared
 * by UTF-16 code units.
 *
 * The index has no order, so each block of the list is selected: one pass over the sessions finds
 * the next ones, and one pass over a session finds its next objects. Memory: two blocks, whatever
 * the number of objects. Other calls run in between. The list waits for the end of the scan of the
 * start, because an object that is found later could belong before the ones already listed.
 * Cost: 0.1 us for each object of the session per block of LIMITS.sortedListObjects.
 */
import { LIMITS } from "../limits.ts";
import type { KeyPattern, ObjectKey, SessionPrefix } from "../object/object-key.ts";
import { turnIfDue } from "../turns.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { ListHost } from "./list-objects.ts";
import type { IndexedSession } from "./object-index.ts";

/** The keys that begin with a text, behind a key. */
export interface KeyRange {
  /** The smallest pattern that covers the range: what the caller must be allowed to list. */
  readonly pattern: Exclude<KeyPattern, { scope: "object" }>;
  /** Components of the text: all but the last are complete names. */
  readonly prefix: readonly string[];
  readonly after: ObjectKey | undefined;
}

export type MayList = (key: ObjectKey) => boolean;

export async function* listSorted(
  { registry, scan, lifetimes }: ListHost,
  range: KeyRange,
  mayList?: MayList,
): AsyncGenerator<readonly IndexEntry[], void, void> {
  while (!scan.isOver) await scan.foundMore(Number.POSITIVE_INFINITY);
  const isListed = (entry: IndexEntry): boolean =>
    entry.damage === undefined && !lifetimes.isExpired(entry) && (mayList?.(entry.key) ?? true);
  const { after } = range;
  let last: SessionPrefix | undefined;
  for (;;) {
    const from = last;
    const sessions = await nextOf(registry.sessionsOf(range.pattern), {
      isWanted: (session) => isSessionInRange(session, range) && isBehind(session, from),
      compare: compareSessions,
    });
    for (const session of sessions) {
      const isFirst = after !== undefined && compareSessions(session, after) === 0;
      yield* objectsOf(session, {
        isListed,
        idPrefix: range.prefix[2] ?? "",
        afterId: isFirst ? after.objectId : "",
      });
      last = session;
    }
    if (sessions.length < LIMITS.sortedListObjects) return;
  }
}

interface ObjectSelection {
  readonly isListed: (entry: IndexEntry) => boolean;
  readonly idPrefix: string;
  /** Excluded; an id is never empty. */
  readonly afterId: string;
}

async function* objectsOf(
  { entries }: IndexedSession,
  { isListed, idPrefix, afterId }: ObjectSelection,
): AsyncGenerator<readonly IndexEntry[], void, void> {
  for (let from = afterId; ; ) {
    const cursor = entries.open();
    function* all(): Generator<IndexEntry> {
      for (let entry = entries.next(cursor); entry; entry = entries.next(cursor)) yield entry;
    }
    const begin = from;
    const isWanted = (entry: IndexEntry): boolean =>
      entry.objectId > begin && entry.objectId.startsWith(idPrefix) && isListed(entry);
    let block: readonly IndexEntry[];
    try {
      block = await nextOf(all(), { isWanted, compare: (a, b) => compareText(a.objectId, b.objectId) });
    } finally {
      entries.close(cursor);
    }
    if (block.length > 0) yield block;
    if (block.length < LIMITS.sortedListObjects) return;
    from = block.at(-1)!.objectId;
  }
}

interface Selection<T> {
  readonly isWanted: (item: T) => boolean;
  readonly compare: (a: T, b: T) => number;
}

/** The smallest LIMITS.sortedListObjects of the wanted items, in order; at most twice as many are held. */
async function nextOf<T>(items: Iterable<T>, { isWanted, compare }: Selection<T>): Promise<readonly T[]> {
  const countMax = LIMITS.sortedListObjects;
  let held: T[] = [];
  let greatest: T | undefined;
  let looked = 0;
  for (const item of items) {
    looked += 1;
    const turn = looked % LIMITS.listPageObjects === 0 ? turnIfDue() : undefined;
    if (turn !== undefined) await turn;
    if (greatest !== undefined && compare(item, greatest) >= 0) continue;
    if (!isWanted(item)) continue;
    held.push(item);
    if (held.length < 2 * countMax) continue;
    held = held.sort(compare).slice(0, countMax);
    greatest = held.at(-1);
  }
  return held.sort(compare).slice(0, countMax);
}

function isSessionInRange({ applicationId, sessionId }: SessionPrefix, { prefix, after }: KeyRange): boolean {
  const [application = "", session, object] = prefix;
  if (session === undefined ? !applicationId.startsWith(application) : applicationId !== application)
    return false;
  if (object === undefined ? !sessionId.startsWith(session ?? "") : sessionId !== session) return false;
  return after === undefined || compareSessions({ applicationId, sessionId }, after) >= 0;
}

function isBehind(session: SessionPrefix, last: SessionPrefix | undefined): boolean {
  return last === undefined || compareSessions(session, last) > 0;
}

export function compareSessions(a: SessionPrefix, b: SessionPrefix): number {
  return compareText(a.applicationId, b.applicationId) || compareText(a.sessionId, b.sessionId);
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
