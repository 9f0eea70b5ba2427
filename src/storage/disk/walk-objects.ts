/**
 * Walks a storage directory for the scan: session by session, files in small batches with their
 * facts.
 *
 * Blocking during a batch: for a dedicated thread, or with a turn of the loop between batches.
 * Foreign files are skipped, as in disk-scan.ts; unreadable directories are skipped and reported.
 */
import type { ScannedObjects } from "../object-storage.ts";
import { nameIsWhole } from "./disk-scan.ts";
import { sweepRecords } from "./facts-record.ts";
import { isKeyComponent } from "./file-names.ts";
import { FactsReader } from "./read-facts.ts";
import { entries, SessionWalk, type WalkOptions } from "./walk-session.ts";

export function walkObjects(options: WalkOptions): Generator<ScannedObjects> {
  return walkSessions(options, (walk) => walk.batches());
}

/** Writes the records that are missing, a few files per step. */
export function recordSessions(options: WalkOptions): Generator<void> {
  return walkSessions(options, (walk) => walk.record());
}

function* walkSessions<Step>(
  options: WalkOptions,
  steps: (walk: SessionWalk) => Generator<Step>,
): Generator<Step> {
  const reader = new FactsReader();
  for (const applicationId of componentDirectories(options, "")) {
    for (const sessionId of componentDirectories(options, applicationId)) {
      const walk = new SessionWalk(options, reader, { applicationId, sessionId });
      try {
        yield* steps(walk);
      } finally {
        walk.close();
      }
    }
  }
  sweepRecords(options.root);
}

/**
 * The names under `path` that are valid for applications or sessions. A snapshot, so that they may
 * change meanwhile.
 */
function componentDirectories(options: WalkOptions, path: string): string[] {
  const names: string[] = [];
  for (const entry of entries(options, path)) {
    const inner = path === "" ? entry.name : `${path}/${entry.name}`;
    if (entry.isDirectory() && isKeyComponent(entry.name) && nameIsWhole(options.root, inner))
      names.push(entry.name);
  }
  return names;
}
