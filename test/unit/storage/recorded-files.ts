/**
 * Sessions of real object files, what a walk finds in them, and a way to tell whether it opened the files.
 *
 * For the tests of records: a file is spoiled without a change of its directory, so who still knows its facts has them from a record.
 */
import fs from "node:fs";
import { LIMITS } from "../../../src/limits.ts";
import type { BaseFacts } from "../../../src/object/index-facts.ts";
import { walkObjects } from "../../../src/storage/disk/walk-objects.ts";
import type { ScannedObjects } from "../../../src/storage/object-storage.ts";
import { factsAt } from "../../../src/storage/scanned-facts.ts";
import { writeOpaque } from "../object/sample-objects.ts";

/** Enough for a record. */
export const OBJECTS = LIMITS.recordedObjectsMin + 8;
/** When a directory of now is settled. */
export const LATER_MS = 10_000;

export async function valueFile(text: string, version = 1): Promise<Buffer> {
  const lifetime = { untilMs: 1_800_000_000_000, ttlMs: 5_000 };
  const { file } = await writeOpaque([Buffer.from(text)], {
    version,
    ...(version % 2 === 0 && { lifetime }),
  });
  return Buffer.from(await file.read(0, file.sizeBytes));
}

/** A walk for the scan, ten seconds from now unless told otherwise. */
export function scan(
  root: string,
  { nowMs = () => Date.now() + LATER_MS, removals = (): number => 0 } = {},
): ScannedObjects[] {
  return [...walkObjects({ root, removals, onUnreadable: () => {}, nowMs })];
}

/** By id; those that need a closer look have none. */
export function factsIn(found: readonly ScannedObjects[]): Map<string, BaseFacts | undefined> {
  const all = new Map<string, BaseFacts | undefined>();
  for (const { facts, names } of found) {
    for (const { key } of names) all.set(key.objectId, undefined);
    for (const [place, id] of facts.objectIds.entries()) all.set(id, factsAt(facts, place));
  }
  return all;
}

/** Makes a file unreadable for a walk without a change of its directory. @param session `application/session` */
export function spoil(root: string, session: string, objectId: string): void {
  fs.writeFileSync(`${root}/${session}/${objectId}.arrow`, "spoiled");
}
