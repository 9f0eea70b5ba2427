/**
 * Lists objects in pages: each once that is there from the first page to the last, readable ones only.
 *
 * While the scan is under way the list tells what is known and goes on where it stopped when more was found, so its first page
 * comes at once and its last with the end of the scan. Memory: one page, and a number for each session.
 */
import { LIMITS } from "../limits.ts";
import type { KeyPattern } from "../object/object-key.ts";
import { turnIfDue } from "../turns.ts";
import type { BackgroundScan } from "./background-scan.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { Lifetimes } from "./retention/lifetimes.ts";
import type { Roster } from "./roster.ts";

export interface ListHost {
  readonly roster: Roster;
  readonly scan: BackgroundScan;
  readonly lifetimes: Lifetimes;
}

export async function* listObjects(
  { roster, scan, lifetimes }: ListHost,
  pattern: Exclude<KeyPattern, { scope: "object" }>,
): AsyncGenerator<readonly IndexEntry[], void, void> {
  const reader = roster.reader(pattern);
  const isListed = (entry: IndexEntry) => entry.damage === undefined && !lifetimes.isExpired(entry);
  try {
    for (let isLast = false; !isLast; ) {
      // Asked before: what is found while the pages are on their way may be read or not.
      isLast = scan.isOver;
      yield* pagesOf(reader.read(), isListed);
      // Looking through all sessions again has to be worth it.
      if (!isLast) await scan.foundMore(reader.sessionCount);
    }
  } finally {
    reader.close();
  }
}

async function* pagesOf(
  entries: Iterable<IndexEntry>,
  isListed: (entry: IndexEntry) => boolean,
): AsyncGenerator<readonly IndexEntry[], void, void> {
  let looked = 0;
  let page: IndexEntry[] = [];
  for (const entry of entries) {
    if (isListed(entry)) page.push(entry);
    looked += 1;
    // A million expired entries make no page.
    if (looked % LIMITS.listPageObjects === 0) await turnIfDue();
    if (page.length < LIMITS.listPageObjects) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
