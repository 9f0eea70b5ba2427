/**
 * The engine `files` with a read cache in memory: hot files are answered from memory without a
 * system call.
 *
 * The first get of a file loads it (docs/decisions/0009-first-get-admits.md); concurrent gets share
 * the load. A file that does not fit, or exceeds FILE_PART_MAX of the tier, streams past it from
 * the disk. The policy chooses what to evict; a file that is being read stays until it is read. No
 * read is stale: the cached copy of a name is dropped after the disk has changed it and before the
 * change is answered, and a file opened before such a change is not kept. A change by another
 * program (a file removed by hand) is noticed on a look at the file, or once it is no longer
 * cached.
 */
import type { EvictionPolicy } from "../../eviction/eviction-policy.ts";
import { logFor } from "../../log.ts";
import { formatObjectKey, type ObjectKey } from "../../object/object-key.ts";
import type { DiskStorage } from "../disk/disk-storage.ts";
import type { StoredDiskFile } from "../disk/stored-disk-file.ts";
import { MemoryShelf } from "../memory/memory-shelf.ts";
import type {
  FileLocation,
  ObjectStorage,
  OpenPurpose,
  PatchSelection,
  RecordJournal,
  RemovalPlace,
  ScannedObjects,
  ScannedSession,
  StagedFile,
  StorageCapabilities,
  StoredFile,
  StoredName,
} from "../object-storage.ts";
import type { DiskSpace, StorageCounts } from "../storage-counts.ts";
import { KeptFile, type KeptFileHost } from "./kept-file.ts";
import { Openings } from "./openings.ts";
import { TierMemory } from "./tier-memory.ts";
import { TieredStagedFile } from "./tiered-staged-file.ts";

const log = logFor("storage");

/** The largest file, as a part of the tier, that is kept. */
const FILE_PART_MAX = 1 / 3;

export interface TierOptions {
  readonly disk: DiskStorage;
  readonly policy: EvictionPolicy;
  /** Limit of all memory of the tier, bytes. */
  readonly bytesMax: number;
}

/** Counters since the start. */
export interface TierCounters {
  /** Opens for a get that found the file cached or loading. */
  readonly hits: number;
  /** Opens for a get that went to the disk. */
  readonly misses: number;
  /** Misses that started a load. */
  readonly loads: number;
  /** Misses that streamed past: too large, or no space. */
  readonly bypassed: number;
  readonly evictions: number;
}

export class TieredStorage implements Required<ObjectStorage>, KeptFileHost {
  readonly capabilities: StorageCapabilities;
  readonly #disk: DiskStorage;
  readonly #policy: EvictionPolicy;
  readonly #bytesMax: number;
  readonly #memory: TierMemory;
  /** Asked once, at the start. */
  readonly #isTraced = log.isEnabled("trace");
  #shelf = new MemoryShelf<KeptFile>();
  readonly #openings = new Openings();
  /** Bytes of files in use, cached or dropped. */
  #usedBytes = 0;
  readonly #counters = { hits: 0, misses: 0, loads: 0, bypassed: 0, evictions: 0 };

  constructor({ disk, policy, bytesMax }: TierOptions) {
    this.#disk = disk;
    this.capabilities = disk.capabilities;
    this.#policy = policy;
    this.#bytesMax = bytesMax;
    this.#memory = new TierMemory(bytesMax);
  }

  /** All memory of the tier, at most `bytesMax`. */
  get heldBytes(): number {
    return this.#memory.heldBytes;
  }

  get counters(): TierCounters {
    return { ...this.#counters };
  }

  get counts(): StorageCounts {
    const { hits, misses, evictions } = this.#counters;
    const memory = { hits, misses, evictions, heldBytes: this.heldBytes, bytesMax: this.#bytesMax };
    return { ...this.#disk.counts, memory };
  }

  space(): Promise<DiskSpace> {
    return this.#disk.space();
  }

  get versionFloor(): number {
    return this.#disk.versionFloor;
  }

  get journal(): RecordJournal {
    return this.#disk.journal;
  }

  start(): Promise<void> {
    return this.#disk.start();
  }

  async stop(): Promise<void> {
    for (const file of this.#shelf.all()) this.#drop(file, "deleted");
    await this.#disk.stop();
  }

  stage(): StagedFile {
    return new TieredStagedFile(this.#disk.stage(), (name) => this.#changed(name));
  }

  async open(name: StoredName, purpose: OpenPurpose = "send"): Promise<StoredFile | undefined> {
    if (purpose === "look") return await this.#look(name);
    // Deltas are not cached: the first patch converts them to our own patches.
    if (name.part.kind === "delta") return await this.#disk.open(name);
    const kept = this.#shelf.get(name);
    if (this.#isTraced) this.#trace(kept === undefined ? "not in memory" : "found in memory", name);
    if (kept === undefined) return await this.#openOnDisk(name);
    this.#counters.hits += 1;
    this.#policy.touched(kept);
    return kept.open();
  }

  locate(name: StoredName): Promise<FileLocation | undefined> {
    return this.#disk.locate(name);
  }

  listPatches(key: ObjectKey, baseVersion: number): Promise<number[]> {
    return this.#disk.listPatches(key, baseVersion);
  }

  async remove(name: StoredName): Promise<boolean> {
    try {
      return await this.#disk.remove(name);
    } finally {
      this.#changed(name);
    }
  }

  async removePatches(key: ObjectKey, which: PatchSelection): Promise<void> {
    try {
      await this.#disk.removePatches(key, which);
    } finally {
      this.#changedPatches(key);
    }
  }

  listDeltas(key: ObjectKey): Promise<number[]> {
    return this.#disk.listDeltas(key);
  }

  removeDeltas(key: ObjectKey): Promise<void> {
    return this.#disk.removeDeltas(key);
  }

  syncFiles(names: readonly StoredName[]): Promise<void> {
    return this.#disk.syncFiles(names);
  }

  syncRemovals(places: Iterable<RemovalPlace>): Promise<void> {
    return this.#disk.syncRemovals(places);
  }

  async quarantine(name: StoredName, reason: string): Promise<void> {
    try {
      await this.#disk.quarantine(name, reason);
    } finally {
      this.#changed(name);
    }
  }

  scan(removals?: Int32Array): AsyncIterable<ScannedObjects> {
    return this.#disk.scan(removals);
  }

  scanSession(applicationId: string, sessionId: string): Promise<ScannedSession | undefined> {
    return this.#disk.scanSession(applicationId, sessionId);
  }

  listSessions(applicationId: string): Promise<string[]> {
    return this.#disk.listSessions(applicationId);
  }

  raiseVersionFloor(version: number, ahead?: number): Promise<void> {
    return this.#disk.raiseVersionFloor(version, ahead);
  }

  used(file: KeptFile, isInUse: boolean): void {
    this.#usedBytes += isInUse ? file.costBytes : -file.costBytes;
  }

  giveUp(file: KeptFile): void {
    this.#drop(file, "deleted");
  }

  takeBack(slabs: readonly Buffer[], memory: { sizeBytes: number; isLent: boolean }): void {
    this.#memory.takeBack(slabs, memory);
  }

  /** Opens the file itself, and drops a cached copy of any other file under the name. */
  async #look(name: StoredName): Promise<StoredFile | undefined> {
    const file = await this.#disk.open(name, "look");
    const kept = this.#shelf.get(name);
    if (kept !== undefined && (file === undefined || !kept.isCopyOf(file))) this.#drop(kept, "deleted");
    return file;
  }

  async #openOnDisk(name: StoredName): Promise<StoredFile | undefined> {
    this.#counters.misses += 1;
    const { file, isStale } = await this.#openings.run(name.key, () => this.#disk.open(name));
    if (file === undefined || isStale) return file;
    const other = this.#shelf.get(name);
    if (other !== undefined) {
      file.close();
      return other.open();
    }
    return this.#admit(name, file);
  }

  /** Starts to load the file if there is space or space can be made; otherwise it streams past. */
  #admit(name: StoredName, file: StoredDiskFile): StoredFile {
    const { sizeBytes } = file;
    if (sizeBytes === 0 || !this.#makeSpace(sizeBytes)) {
      this.#counters.bypassed += 1;
      if (this.#isTraced) this.#trace("not kept in memory: no space", name);
      return file;
    }
    this.#counters.loads += 1;
    const slabs = this.#memory.take(sizeBytes);
    const costBytes = this.#memory.costOf(sizeBytes);
    const kept = new KeptFile({ name, source: file, slabs, costBytes }, this);
    this.#shelf.put(name, kept);
    this.#policy.admitted(kept);
    return kept.open();
  }

  /** Evicts until a file of this size fits; evicts nothing if that would not be enough. */
  #makeSpace(sizeBytes: number): boolean {
    const costBytes = this.#memory.costOf(sizeBytes);
    if (costBytes > this.#bytesMax * FILE_PART_MAX) return false;
    if (this.#usedBytes + this.#memory.lentBytes + costBytes > this.#bytesMax) return false;
    if (this.#memory.makeFit(sizeBytes)) return true;
    for (const victim of this.#policy.victims()) {
      if (!(victim instanceof KeptFile) || victim.isInUse) continue;
      this.#counters.evictions += 1;
      this.#drop(victim, "evicted");
      if (this.#memory.makeFit(sizeBytes)) return true;
    }
    return false;
  }

  #trace(text: string, { key, part }: StoredName): void {
    log.trace(text, { key: formatObjectKey(key), part: part.kind });
  }

  /** The content under this name may have changed. */
  #changed(name: StoredName): void {
    this.#openings.changed(name.key);
    const kept = this.#shelf.get(name);
    if (kept !== undefined) this.#drop(kept, "deleted");
  }

  #changedPatches(key: ObjectKey): void {
    this.#openings.changed(key);
    for (const patches of this.#shelf.object(key)?.patches?.values() ?? []) {
      for (const kept of patches.values()) this.#drop(kept, "deleted");
    }
  }

  /** Drops the cached file; readers that have it open keep it. */
  #drop(file: KeptFile, reason: "evicted" | "deleted"): void {
    this.#policy.removed(file, reason);
    if (this.#isTraced)
      this.#trace(reason === "evicted" ? "evicted from memory" : "dropped from memory", file.name);
    if (this.#shelf.get(file.name) === file) this.#shelf.remove(file.name);
    else file.retire();
  }
}
