/**
 * Lists of a shared store: the store is asked, because only it knows what other replicas put.
 *
 * A LIST has no order. A sorted list selects block by block, with one LIST of its range for each
 * block of LIMITS.sortedListObjects. Memory: two blocks, whatever the number of objects.
 */
import { LIMITS } from "../../limits.ts";
import type { KeyPattern, ObjectKey } from "../../object/object-key.ts";
import type { NameScope } from "../../storage/s3/names.ts";
import { compareSessions, compareText, type KeyRange, type MayList } from "../sorted-list.ts";
import type { SharedContext } from "./shared-drafts.ts";
import type { SharedEntry } from "./shared-entry.ts";

export async function* listShared(
  { storage, entries }: SharedContext,
  pattern: Exclude<KeyPattern, { scope: "object" }>,
): AsyncGenerator<readonly SharedEntry[], void, void> {
  for await (const page of storage.list(scopeOf(pattern))) {
    if (page.length > 0) yield page.map((state) => entries.of(state));
  }
}

export async function* listSortedShared(
  context: SharedContext,
  range: KeyRange,
  mayList: MayList = () => true,
): AsyncGenerator<readonly SharedEntry[], void, void> {
  for (let { after } = range; ; ) {
    const block = await nextBlock(context, range, { after, mayList });
    if (block.length > 0) yield block;
    if (block.length < LIMITS.sortedListObjects) return;
    after = block.at(-1)!.key;
  }
}

async function nextBlock(
  { storage, entries }: SharedContext,
  { prefix, pattern }: KeyRange,
  { after, mayList }: { readonly after: ObjectKey | undefined; readonly mayList: MayList },
): Promise<readonly SharedEntry[]> {
  const countMax = LIMITS.sortedListObjects;
  let held: SharedEntry[] = [];
  let greatest: ObjectKey | undefined;
  const isWanted = (key: ObjectKey): boolean =>
    isInRange(key, prefix) &&
    (after === undefined || compareKeys(key, after) > 0) &&
    (greatest === undefined || compareKeys(key, greatest) < 0) &&
    mayList(key);
  for await (const page of storage.list(scopeOf(pattern), isWanted)) {
    for (const state of page) held.push(entries.of(state));
    if (held.length < 2 * countMax) continue;
    held = sorted(held).slice(0, countMax);
    greatest = held.at(-1)?.key;
  }
  return sorted(held).slice(0, countMax);
}

function scopeOf(pattern: KeyPattern): NameScope {
  if (pattern.scope === "application") return { applicationId: pattern.applicationId };
  if (pattern.scope !== "session") return {};
  return { applicationId: pattern.applicationId, sessionId: pattern.sessionId };
}

function sorted(entries: SharedEntry[]): SharedEntry[] {
  return entries.sort((a, b) => compareKeys(a.key, b.key));
}

/** All components of the prefix but the last are complete names. */
function isInRange(key: ObjectKey, prefix: readonly string[]): boolean {
  const components = [key.applicationId, key.sessionId, key.objectId];
  return prefix.every((part, index) =>
    index === prefix.length - 1 ? components[index]!.startsWith(part) : components[index] === part,
  );
}

function compareKeys(a: ObjectKey, b: ObjectKey): number {
  return compareSessions(a, b) || compareText(a.objectId, b.objectId);
}
