/**
 * The background scan: rebuilds the index from the storage after a start, while calls are answered already.
 *
 * Most objects are one file whose end tells all the index needs: the engine tells of them many at a time, and no file is opened
 * here. The others are loaded a few at a time, each through the same path as a miss, so a file that a call asked for meanwhile is
 * not read twice. What calls did since the engine looked goes before what it saw. One bad file never ends the scan.
 */
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import type { Lifetime } from "../object/object-metadata.ts";
import { isBase } from "../storage/object-part.ts";
import type { ObjectStorage, ScannedObjects } from "../storage/object-storage.ts";
import { factsAt } from "../storage/scanned-facts.ts";
import { IndexEntry } from "./index-entry.ts";
import type { KeyLocks } from "./key-locks.ts";
import type { RemovedMeanwhile } from "./removed-meanwhile.ts";
import type { Roster } from "./roster.ts";

const log = logFor("loading");

/** What the scan needs of the cache it works for. */
export interface ScanHost {
  readonly storage: ObjectStorage;
  readonly roster: Roster;
  readonly locks: KeyLocks;
  readonly removed: RemovedMeanwhile;
  /** The entry of a key, read from the storage when the index does not know it. */
  find(key: ObjectKey): Promise<IndexEntry | undefined>;
  /** As `find`, expired or not; the lock is held by the caller. */
  findLocked(key: ObjectKey): Promise<IndexEntry | undefined>;
  /** True while a get reads patches of a base that was replaced or deleted: who reads them last removes them. */
  isBeingRead(key: ObjectKey, baseVersion: number): boolean;
  /** Called with each entry that the scan made from what the engine told. @param lifetime what its put said. */
  found(entry: IndexEntry, lifetime: Lifetime | undefined): void;
  /** So many more objects were looked at. */
  progressed(objects: number): void;
}

/** Resolves when everything was seen, or the signal is aborted. Never rejects. */
export async function scanStorage(host: ScanHost, signal: AbortSignal): Promise<void> {
  host.removed.begin();
  try {
    for await (const found of host.storage.scan(host.removed.count)) {
      if (signal.aborted) return;
      host.removed.forgetBefore(found.seenAt);
      const unsure = takeFacts(host, found);
      if (unsure.length > 0 || found.names.length > 0) await loadNames(host, found, unsure, signal);
      host.progressed(found.facts.objectIds.length + found.names.length);
    }
    if (host.storage.kind === "files") log.info("index is complete", { objects: host.roster.size });
  } catch (error) {
    log.error("scan ended early; what it missed is found when asked for", { error });
  } finally {
    host.removed.end();
  }
}

/** Takes in what the engine understood. @returns keys that a call works on now: they are looked at when it is done. */
function takeFacts({ roster, locks, removed, found }: ScanHost, objects: ScannedObjects): ObjectKey[] {
  const { applicationId, sessionId, facts } = objects;
  const unsure: ObjectKey[] = [];
  for (const [place, objectId] of facts.objectIds.entries()) {
    const key = { applicationId, sessionId, objectId };
    if (roster.get(key) !== undefined) continue;
    if (locks.size > 0 || !removed.isEmpty) {
      const name = formatObjectKey(key);
      if (locks.isHeld(name)) unsure.push(key);
      if (locks.isHeld(name) || removed.has(name)) continue;
    }
    const { kind, version, rowCount, dataBytes, fileSizeBytes, lifetime } = factsAt(facts, place);
    // Spread out of what `factsAt` gives it would cost 3 us an object, a fifth of all.
    const base = {
      kind,
      form: "file",
      version,
      rowCount,
      dataBytes,
      fileSizeBytes,
      isVerified: false,
    } as const;
    const entry = new IndexEntry(key, base);
    roster.enter(entry, { lifetime });
    found(entry, lifetime);
  }
  return unsure;
}

async function loadNames(
  host: ScanHost,
  found: ScannedObjects,
  unsure: readonly ObjectKey[],
  signal: AbortSignal,
): Promise<void> {
  const bases = new Map<string, ObjectKey>();
  for (const key of unsure) bases.set(key.objectId, key);
  for (const { key, part } of found.names) if (isBase(part)) bases.set(key.objectId, key);
  const waiting = bases.values();
  const work = async (): Promise<void> => {
    for (const key of waiting) {
      if (signal.aborted) return;
      try {
        await host.find(key);
      } catch (error) {
        log.error("object could not be loaded", { key: formatObjectKey(key), error });
      }
    }
  };
  await Promise.all(Array.from({ length: LIMITS.scanConcurrency }, work));
  await dropStalePatches(host, found);
}

/**
 * Patches whose base was replaced or deleted just before a crash. Under the lock: patches of ours beside a base of another program are
 * stale as well, unless a patch that is under way is turning that base into one of ours.
 */
async function dropStalePatches(host: ScanHost, { names }: ScannedObjects): Promise<void> {
  for (const { key, part } of names) {
    if (part.kind !== "patch") continue;
    const { baseVersion } = part;
    await host.locks.run(formatObjectKey(key), async () => {
      const entry = await host.findLocked(key);
      if (entry?.damage !== undefined) return;
      if (entry !== undefined && !entry.isForeign && entry.baseVersion === baseVersion) return;
      if (host.isBeingRead(key, baseVersion)) return;
      await host.storage.removePatches(key, { only: baseVersion });
      log.info("patches of an older base removed", { key: formatObjectKey(key), baseVersion });
    });
  }
}
