/**
 * The engine `files`: each object is a file that any Arrow reader opens and that survives restarts.
 *
 * A small file is a record of the log first, and a file when it has come to rest (DiskLog); a large
 * one is written aside and renamed. So an object is whole or absent. What the log does not know, the
 * directory decides. Layout: file-names.ts. The storage directory itself may be a symbolic link;
 * links below it are not objects.
 */
import path from "node:path";
import { assert } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import { BlockPool } from "../block-pool.ts";
import type {
  FileLocation,
  ObjectStorage,
  OpenPurpose,
  PatchSelection,
  RecordJournal,
  RemovalPlace,
  ScannedObjects,
  ScannedSession,
  SingleFile,
  StagedFile,
  StoredFile,
  StoredName,
} from "../object-storage.ts";
import { StagedMemory } from "../staged-memory.ts";
import type { DiskCounts, DiskSpace, StorageCounts } from "../storage-counts.ts";
import type { SourceFile } from "../tier/file-load.ts";
import type { MemoryTier } from "../tier/memory-tier.ts";
import { DirectoryGate } from "./directory-gate.ts";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";
import { DirectorySyncs } from "./directory-syncs.ts";
import { diskFailure, unlessDiskFailure, unusableDirectory } from "./disk-failure.ts";
import { DiskPace } from "./disk-pace.ts";
import { measureSpace } from "./disk-space.ts";
import { type BeforeStep, DiskSteps } from "./disk-steps.ts";
import type { DiskTools } from "./disk-tools.ts";
import { filePath, sessionPath } from "./file-names.ts";
import { locateStoredFile } from "./locate-stored-file.ts";
import { DiskLog } from "./log/disk-log.ts";
import type { LogSettings } from "./log/log-settings.ts";
import { LoggedFile } from "./log/logged-file.ts";
import { openLog } from "./log/replay.ts";
import { Rest } from "./log/rest.ts";
import { moveToQuarantine } from "./quarantine.ts";
import { directoryOf, RealDirectories } from "./real-directories.ts";
import { RecordPasses, type RecordPassesOptions } from "./record-passes.ts";
import {
  removeDeltasOf,
  removeEmptyDirectories,
  removeFile,
  removePatchesOf,
  removeSingleFile,
} from "./removal.ts";
import { StagedDiskFile } from "./staged-disk-file.ts";
import { StagingArea } from "./staging-area.ts";
import { prepareDirectory } from "./storage-directory.ts";
import { openStoredFile } from "./stored-disk-file.ts";
import { StoredNames } from "./stored-names.ts";
import { syncFiles } from "./sync-files.ts";

const log = logFor("storage");

export interface DiskStorageOptions {
  /** Created if missing. */
  readonly directory: string;
  /** A read cache, for this engine alone. */
  readonly tier?: MemoryTier | undefined;
  /** Called before each step that changes the disk: tests stop the process or fail there. */
  readonly beforeStep?: BeforeStep;
  /** Clock of the passes for records, and the time limit of their stop. */
  readonly recorder?: RecordPassesOptions;
  /** Settings of the log, for tests. */
  readonly log?: Partial<LogSettings>;
  /** A monotonic clock for trust in directories, for tests. */
  readonly trustNowMs?: () => number;
}

export class DiskStorage implements ObjectStorage {
  readonly capabilities = {
    isDurable: true,
    hasChecksums: true,
    locatesFiles: true,
    refusesVersionedIds: false,
  };
  readonly journal: RecordJournal;
  readonly #tools: DiskTools;
  readonly #staging: StagingArea;
  readonly #log: DiskLog;
  readonly #rest: Rest;
  readonly #names: StoredNames;
  readonly #recorder: RecordPasses;
  /** One function for all opens: beside a hit of the tier, under 1 us, a closure each would show. */
  readonly #openToSend = (name: StoredName): Promise<SourceFile | undefined> => {
    this.#opens += 1;
    return this.openFile(name);
  };
  #lock: DirectoryLock | undefined;
  #opens = 0;
  #quarantined = 0;

  constructor(options: DiskStorageOptions) {
    const pace = new DiskPace();
    const steps = new DiskSteps(pace, options.beforeStep);
    const blocks = new BlockPool(LIMITS.stageBlockBytes, LIMITS.stageBlocksKeptMax);
    const stagedMemory = new StagedMemory();
    const readBlocks = new BlockPool(LIMITS.readChunkBytes, LIMITS.readBlocksKeptMax);
    const root = path.resolve(options.directory);
    const syncs = new DirectorySyncs(root, steps);
    this.#recorder = new RecordPasses(root, options.recorder);
    this.#log = new DiskLog(root, steps, options.log);
    const [gate, recorder] = [new DirectoryGate(), this.#recorder];
    const directories = new RealDirectories(root, pace, options.trustNowMs);
    const memory = { blocks, readBlocks, stagedMemory, tier: options.tier };
    this.#tools = { root, steps, pace, gate, directories, syncs, log: this.#log, recorder, ...memory };
    this.#staging = new StagingArea(this.#tools);
    this.#names = new StoredNames(this.#tools);
    this.#rest = new Rest(this.#log, { ...this.#tools, area: this.#staging });
    this.#log.connect(this.#rest);
    this.journal = this.#log.notes;
  }

  get versionFloor(): number {
    return this.#log.writer.floor;
  }

  get counts(): StorageCounts & { readonly disk: DiskCounts } {
    const { steps, stagedMemory, tier } = this.#tools;
    const [opens, quarantined] = [this.#opens, this.#quarantined];
    const disk = { opens, quarantined, syncs: steps.syncTimes.seconds, log: this.#log.counts };
    return { disk, ...(tier && { memory: tier.counts }), stagedBytes: stagedMemory.sizeBytes };
  }

  space(): Promise<DiskSpace> {
    return measureSpace(this.#tools.root);
  }

  async start(): Promise<void> {
    let lock: DirectoryLock | undefined;
    try {
      await prepareDirectory(this.#tools.root, this.#tools.steps);
      lock = await lockDirectory(this.#tools.root);
      const swept = await this.#staging.sweep();
      if (swept.files > 0) log.warn("removed staged files of an earlier process", { ...swept });
      this.#log.begin();
      await openLog(this.#log, this.#tools.root);
    } catch (error) {
      await lock?.release();
      throw unusableDirectory(error, this.#tools.root);
    }
    this.#lock = lock;
    this.#recorder.start();
  }

  async stop(): Promise<void> {
    this.#tools.tier?.clear();
    await this.#rest.stop();
    await this.#staging.freed();
    await this.#log.stop();
    await this.#recorder.stop();
    await this.#lock?.release();
    this.#lock = undefined;
  }

  stage(): StagedFile {
    return new StagedDiskFile(this.#tools, this.#staging);
  }

  open(name: StoredName, purpose: OpenPurpose = "send"): Promise<StoredFile | undefined> {
    if (purpose === "look") return this.#look(name);
    return this.#tools.tier?.open(name, this.#openToSend) ?? this.#openToSend(name);
  }

  async #look(name: StoredName): Promise<SourceFile | undefined> {
    const file = await this.openFile(name, true);
    this.#tools.tier?.looked(name, file);
    return file;
  }

  /** Opens the file itself, past the read cache. */
  protected async openFile(name: StoredName, isLook = false): Promise<SourceFile | undefined> {
    const path = filePath(name);
    const recent = this.#log.recents.pending(path);
    if (recent === undefined) return await openStoredFile(this.#tools, path, isLook);
    if (recent.kind === "gone") return undefined;
    try {
      return new LoggedFile(recent, this.#log.read(recent));
    } catch (error) {
      throw diskFailure(error, path);
    }
  }

  /** A file in the log comes to rest first; if it cannot, there is no location. */
  async locate(name: StoredName): Promise<FileLocation | undefined> {
    const path = filePath(name);
    if (this.#log.recents.pending(path) !== undefined) {
      await this.#rest.now(path).catch(unlessDiskFailure);
      if (this.#log.recents.pending(path) !== undefined) return undefined;
    }
    return await locateStoredFile(this.#tools, path);
  }

  listPatches(key: ObjectKey, baseVersion: number): Promise<number[]> {
    return this.#names.patches(key, baseVersion);
  }

  async remove(name: StoredName, version?: number): Promise<boolean> {
    try {
      return await removeFile(this.#tools, filePath(name), version);
    } finally {
      this.#tools.tier?.changed(name);
    }
  }

  async removeSingle(files: readonly SingleFile[]): Promise<void> {
    // All end before the first failure is told: the caller's locks hold until then.
    const ends = await Promise.allSettled(files.map((file) => removeSingleFile(this.#tools, file)));
    for (const { name } of files) this.#tools.tier?.changed(name);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  /** `allBut` reads the session's whole directory; `only` reads nothing else. */
  async removePatches(key: ObjectKey, which: PatchSelection): Promise<void> {
    const bases =
      "only" in which
        ? [which.only]
        : (await this.#names.patchedBases(key)).filter((base) => base !== which.allBut);
    try {
      for (const base of bases) await removePatchesOf(this.#tools, key, base);
    } finally {
      this.#tools.tier?.changedPatches(key);
    }
  }

  listDeltas(key: ObjectKey): Promise<number[]> {
    return this.#names.deltas(key);
  }

  removeDeltas(key: ObjectKey): Promise<void> {
    return removeDeltasOf(this.#tools, key);
  }

  async syncFiles(names: readonly StoredName[]): Promise<void> {
    const files = names.map(filePath);
    const { recents } = this.#log;
    const { directories } = this.#tools;
    if (files.some((file) => recents.pending(file)?.kind === "put")) await this.#log.promise();
    for (const file of files) {
      const recent = recents.pending(file);
      if (recent?.kind !== "put") continue;
      // The log may lose the file, or cannot tell it from a file of another program after a power loss.
      if (recent.segment.isDistrusted || (await directories.hasForeignFile(file))) await this.#rest.now(file);
    }
    // A file may have come to rest meanwhile.
    await syncFiles(
      this.#tools,
      files.filter((file) => recents.pending(file)?.kind !== "put"),
    );
  }

  async syncRemovals(places: Iterable<RemovalPlace>): Promise<void> {
    const { syncs } = this.#tools;
    const paths = new Set<string>();
    for (const { applicationId, sessionId } of places)
      paths.add(sessionId === undefined ? applicationId : sessionPath(applicationId, sessionId));
    await this.#log.promise();
    // A large file was unlinked before the answer.
    await Promise.all([...paths].map((each) => syncs.sync(each)));
  }

  /**
   * Moves the file to `.quarantine` under its own path and a unique suffix, with its reason beside
   * it: nothing there is ever overwritten. If there is no space for its directory, or a foreign
   * file is in its place, the file stays in place.
   */
  async quarantine(name: StoredName, reason: string): Promise<void> {
    const from = filePath(name);
    await this.#log.leaveToDirectory(from).catch(unlessDiskFailure);
    const moving = moveToQuarantine(this.#tools, name, reason);
    const to = await moving.finally(() => this.#tools.tier?.changed(name));
    if (to === undefined) return;
    this.#quarantined += 1;
    this.#recorder.changed();
    log.error("damaged file moved to quarantine", { path: from, quarantine: to, reason });
    await removeEmptyDirectories(this.#tools, directoryOf(from));
  }

  scan(removals: Int32Array = new Int32Array(1)): AsyncIterable<ScannedObjects> {
    return this.#names.all(removals);
  }

  /** Brings everything to rest that can: the directory has it when this resolves. */
  async settle(): Promise<void> {
    await this.#rest.settle();
  }

  /**
   * Writes the records of sessions that are quiet now, as the engine does periodically. Never
   * rejects.
   */
  recordSessions(): Promise<void> {
    return this.#recorder.run();
  }

  scanSession(applicationId: string, sessionId: string): Promise<ScannedSession | undefined> {
    return this.#names.inSession(applicationId, sessionId);
  }

  listSessions(applicationId: string): Promise<string[]> {
    return this.#names.sessions(applicationId);
  }

  async raiseVersionFloor(version: number, ahead = 0): Promise<void> {
    assert(this.#lock, "only a started engine writes its floor");
    await this.#log.writer.raiseFloor(version, ahead);
  }
}
