/**
 * Walks a storage directory for the scan: sessions one by one, their files in small batches, each with its facts.
 *
 * Blocks while it makes a batch: for a thread that does nothing else, or with a turn of the loop between batches.
 * What is not ours is passed over, as in disk-scan.ts; a directory that cannot be read is passed over and told.
 */
import type { ScannedObjects } from "../object-storage.ts";
import { nameIsWhole } from "./disk-scan.ts";
import { sweepRecords } from "./facts-record.ts";
import { isKeyComponent } from "./file-names.ts";
import { FactsReader } from "./read-facts.ts";
import { entries, SessionWalk, type WalkOptions } from "./walk-session.ts";

export function* walkObjects(options: WalkOptions): Generator<ScannedObjects> {
  const reader = new FactsReader();
  for (const applicationId of componentDirectories(options, "")) {
    for (const sessionId of componentDirectories(options, applicationId)) {
      const walk = new SessionWalk(options, reader, { applicationId, sessionId });
      try {
        yield* walk.batches();
      } finally {
        walk.close();
      }
    }
  }
  sweepRecords(options.root);
}

/** The names under `path` that can be an application's or a session's; all at once, so that they may come and go meanwhile. */
function componentDirectories(options: WalkOptions, path: string): string[] {
  const names: string[] = [];
  for (const entry of entries(options, path)) {
    const inner = path === "" ? entry.name : `${path}/${entry.name}`;
    if (entry.isDirectory() && isKeyComponent(entry.name) && nameIsWhole(options.root, inner))
      names.push(entry.name);
  }
  return names;
}
