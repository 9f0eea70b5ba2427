/**
 * Lists readable objects in pages: each object that exists from the first page to the last, once.
 *
 * During the scan the list returns what is known and resumes as more is found, so its first page
 * comes at once and its last at the end of the scan. Memory: one page, and a number for each
 * session.
 */
import { LIMITS } from "../limits.ts";
import type { KeyPattern } from "../object/object-key.ts";
import { turnIfDue } from "../turns.ts";
import type { BackgroundScan } from "./background-scan.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { ObjectRegistry } from "./object-registry.ts";
import type { Lifetimes } from "./retention/lifetimes.ts";

export interface ListHost {
  readonly registry: ObjectRegistry;
  readonly scan: BackgroundScan;
  readonly lifetimes: Lifetimes;
}

export async function* listObjects(
  { registry, scan, lifetimes }: ListHost,
  pattern: Exclude<KeyPattern, { scope: "object" }>,
): AsyncGenerator<readonly IndexEntry[], void, void> {
  const reader = registry.reader(pattern);
  const isListed = (entry: IndexEntry) => entry.damage === undefined && !lifetimes.isExpired(entry);
  try {
    for (let isLast = false; !isLast; ) {
      // Read first: objects found during these pages may be included or not.
      isLast = scan.isOver;
      yield* pagesOf(reader.read(), isListed);
      // Another pass over all sessions has to be worth it.
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
    // A million expired entries fill no page.
    if (looked % LIMITS.listPageObjects === 0) await turnIfDue();
    if (page.length < LIMITS.listPageObjects) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
