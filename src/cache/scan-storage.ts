/**
 * The background scan: rebuilds the index from the storage after a start, while calls are answered.
 *
 * Most objects are one file whose footer contains all facts: the engine reports many at a time, and
 * no file is opened here. Others are loaded a few at a time through the same path as a miss, so a
 * file that a call requested meanwhile is not read twice. Changes by calls override what the engine
 * saw. A bad file never ends the scan.
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
import type { ObjectRegistry } from "./object-registry.ts";
import type { RemovedMeanwhile } from "./removed-meanwhile.ts";

const log = logFor("loading");

/** The part of the cache that the scan needs. */
export interface ScanHost {
  readonly storage: ObjectStorage;
  readonly registry: ObjectRegistry;
  readonly locks: KeyLocks;
  readonly removed: RemovedMeanwhile;
  /** The entry of a key, read from the storage if it is not in the index. */
  find(key: ObjectKey): Promise<IndexEntry | undefined>;
  /** Like `find`, expired or not. The caller holds the lock. */
  findLocked(key: ObjectKey): Promise<IndexEntry | undefined>;
  /** True while a get reads patches of a replaced or deleted base: its last reader removes them. */
  isBeingRead(key: ObjectKey, baseVersion: number): boolean;
  /** Called for each entry created from the engine's facts. @param lifetime given at its put. */
  found(entry: IndexEntry, lifetime: Lifetime | undefined): void;
  /** This many more objects were processed. */
  progressed(objects: number): void;
}

/** Resolves when the scan is complete or aborted. Never rejects. */
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
    if (host.storage.capabilities.isDurable) log.info("index is complete", { objects: host.registry.size });
  } catch (error) {
    log.error("scan failed; objects it missed are found on demand", { error });
  } finally {
    host.removed.end();
  }
}

/**
 * Adds the engine's facts to the index. @returns keys that a call is working on: they are loaded
 * afterwards.
 */
function takeFacts({ registry, locks, removed, found }: ScanHost, objects: ScannedObjects): ObjectKey[] {
  const { applicationId, sessionId, facts } = objects;
  const unsure: ObjectKey[] = [];
  for (const [place, objectId] of facts.objectIds.entries()) {
    const key = { applicationId, sessionId, objectId };
    if (locks.size > 0 || !removed.isEmpty) {
      const name = formatObjectKey(key);
      if (locks.isHeld(name) && registry.get(key) === undefined) unsure.push(key);
      if (locks.isHeld(name) || removed.has(name)) continue;
    }
    const base = factsAt(facts, place);
    const entry = new IndexEntry(key, base);
    if (registry.addNew(entry, base.lifetime)) found(entry, base.lifetime);
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
 * Removes patches whose base was replaced or deleted just before a crash. Under the lock: our
 * patches beside a base of another program are stale too, unless a running patch is converting that
 * base.
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
      // A base that was lost with the machine: its version must not come again beside these patches.
      if (part.version > (entry?.version ?? 0)) await host.storage.raiseVersionFloor(part.version);
      await host.storage.removePatches(key, { only: baseVersion });
      log.info("patches of an older base removed", { key: formatObjectKey(key), baseVersion });
    });
  }
}
