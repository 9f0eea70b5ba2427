/**
 * The background scan: rebuilds the index from the storage after a start, while calls are answered already.
 *
 * Sessions come one after the other, their files a few at a time, each through the same path as a miss, so a file that
 * a call asked for meanwhile is not read twice. One bad file never ends the scan.
 */
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import type { ObjectStorage, ScannedSession } from "../storage/object-storage.ts";
import type { IndexEntry } from "./index-entry.ts";

const log = logFor("loading");

/** What the scan needs of the cache it works for. */
export interface ScanHost {
  readonly storage: ObjectStorage;
  /** The entry of a key, read from the storage when the index does not know it. */
  find(key: ObjectKey): Promise<IndexEntry | undefined>;
  /** True while a get reads patches of a base that was replaced or deleted: who reads them last removes them. */
  isBeingRead(key: ObjectKey, baseVersion: number): boolean;
}

/** Resolves when everything was seen, or the signal is aborted. Never rejects. */
export async function scanStorage(host: ScanHost, signal: AbortSignal): Promise<void> {
  let objects = 0;
  try {
    for await (const session of host.storage.scan()) {
      if (signal.aborted) return;
      objects += await loadSession(host, session, signal);
    }
    if (host.storage.kind === "files") log.info("index is complete", { objects });
  } catch (error) {
    log.error("scan ended early; what it missed is found when asked for", { error });
  }
}

async function loadSession(host: ScanHost, session: ScannedSession, signal: AbortSignal): Promise<number> {
  const bases = new Map<string, ObjectKey>();
  for (const { key, part } of session.names) if (part.kind !== "patch") bases.set(key.objectId, key);
  const waiting = bases.values();
  let loaded = 0;
  const work = async (): Promise<void> => {
    for (const key of waiting) {
      if (signal.aborted) return;
      try {
        if ((await host.find(key)) !== undefined) loaded += 1;
      } catch (error) {
        log.error("object could not be loaded", { key: formatObjectKey(key), error });
      }
    }
  };
  await Promise.all(Array.from({ length: LIMITS.scanConcurrency }, work));
  await dropStalePatches(host, session);
  // Calls are being answered meanwhile: let them in between sessions.
  await new Promise((resolve) => setImmediate(resolve));
  return loaded;
}

/** Patches whose base was replaced or deleted just before a crash. */
async function dropStalePatches(host: ScanHost, session: ScannedSession): Promise<void> {
  for (const { key, part } of session.names) {
    if (part.kind !== "patch") continue;
    const entry = await host.find(key);
    if (entry !== undefined && (entry.baseVersion === part.baseVersion || entry.damage !== undefined))
      continue;
    if (host.isBeingRead(key, part.baseVersion)) continue;
    await host.storage.removePatches(key, { only: part.baseVersion });
    log.info("patches of an older base removed", {
      key: formatObjectKey(key),
      baseVersion: part.baseVersion,
    });
  }
}
