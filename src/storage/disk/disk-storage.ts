/**
 * The engine `files`: each object is a file that any Arrow reader opens and that survives restarts.
 *
 * Files are written aside and renamed, so an object is whole or absent; for durability `power-loss`
 * they are in the commit log or synced (see DiskSteps). The directory is the truth: the engine
 * remembers only the version floor and the journal. Layout: file-names.ts. The storage directory
 * itself may be a symbolic link; links below it are not objects.
 */
import path from "node:path";
import { assert } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { ObjectKey, SessionPrefix } from "../../object/object-key.ts";
import { BlockPool } from "../block-pool.ts";
import type {
  FileLocation,
  ObjectStorage,
  OpenPurpose,
  PatchSelection,
  RemovalPlace,
  ScannedObjects,
  ScannedSession,
  StagedFile,
  StoredFile,
  StoredName,
} from "../object-storage.ts";
import { StagedMemory } from "../staged-memory.ts";
import type { DiskCounts, DiskSpace, StorageCounts } from "../storage-counts.ts";
import type { MemoryTier } from "../tier/memory-tier.ts";
import type { CommitSettings } from "./commits/commit-disk.ts";
import { Commits } from "./commits/commits.ts";
import { replayCommits } from "./commits/replay-commits.ts";
import { DirectoryGate } from "./directory-gate.ts";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";
import { DirectorySyncs } from "./directory-syncs.ts";
import { diskFailure, unlessDiskFailure, unusableDirectory } from "./disk-failure.ts";
import { DiskPace } from "./disk-pace.ts";
import { deltaPlaces, listDiskSessions, patchedBases, patchVersions, scanDiskSession } from "./disk-scan.ts";
import { measureSpace } from "./disk-space.ts";
import { type BeforeStep, DiskSteps } from "./disk-steps.ts";
import type { DiskTools } from "./disk-tools.ts";
import { deltaDirectoryPath, filePath, patchDirectoryPath, sessionPath } from "./file-names.ts";
import { locateStoredFile } from "./locate-stored-file.ts";
import { moveToQuarantine } from "./quarantine.ts";
import { directoryOf, RealDirectories } from "./real-directories.ts";
import { DiskJournal } from "./record-journal.ts";
import { removeDeltasOf, removeEmptyDirectories, removeFile, removePatchesOf } from "./removal.ts";
import { scanDirectory } from "./scan-thread.ts";
import { SessionRecorder, type SessionRecorderOptions } from "./session-recorder.ts";
import { StagedDiskFile } from "./staged-disk-file.ts";
import { StagingArea } from "./staging-area.ts";
import { prepareDirectory, prepareFloor } from "./storage-directory.ts";
import { openStoredFile, type StoredDiskFile } from "./stored-disk-file.ts";
import { syncFiles } from "./sync-files.ts";
import { VersionFloor } from "./version-floor.ts";

const log = logFor("storage");

export interface DiskStorageOptions {
  /** Created if missing. */
  readonly directory: string;
  /** A read cache, for this engine alone. */
  readonly tier?: MemoryTier | undefined;
  /** Called before each step that changes the disk: tests stop the process or fail there. */
  readonly beforeStep?: BeforeStep;
  /** Clock of the session recorder, and the time limit of its stop. */
  readonly recorder?: SessionRecorderOptions;
  /** Commit log settings, for tests. */
  readonly commits?: Partial<CommitSettings>;
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
  readonly journal: DiskJournal;
  readonly #tools: DiskTools;
  readonly #staging: StagingArea;
  readonly #floor: VersionFloor;
  readonly #recorder: SessionRecorder;
  /** One function for all opens: beside a hit of the tier, under 1 us, a closure each would show. */
  readonly #openToSend = (name: StoredName): Promise<StoredDiskFile | undefined> => {
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
    this.#recorder = new SessionRecorder(root, options.recorder);
    const commits = new Commits({ root, steps, syncs }, options.commits);
    const [gate, recorder] = [new DirectoryGate(), this.#recorder];
    const directories = new RealDirectories(root, pace, options.trustNowMs);
    const memory = { blocks, readBlocks, stagedMemory, tier: options.tier };
    this.#tools = { root, steps, pace, gate, directories, syncs, commits, recorder, ...memory };
    this.#staging = new StagingArea(this.#tools);
    this.#floor = new VersionFloor(this.#tools);
    this.journal = new DiskJournal(this.#tools);
  }

  get versionFloor(): number {
    return this.#floor.version;
  }

  get counts(): StorageCounts & { readonly disk: DiskCounts } {
    const { steps, commits, stagedMemory, tier } = this.#tools;
    const [opens, quarantined] = [this.#opens, this.#quarantined];
    const disk = { opens, quarantined, syncs: steps.syncTimes.seconds, commitLog: commits.counts };
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
      await this.#floor.load();
      await prepareFloor(this.#tools, this.#floor);
      const lost = await replayCommits({ tools: this.#tools, staging: this.#staging });
      // If this fails, it holds for this process, and the next start finds the same log.
      if (lost > 0) await this.#floor.raise(lost, 0).catch(unlessDiskFailure);
    } catch (error) {
      await lock?.release();
      throw unusableDirectory(error, this.#tools.root);
    }
    this.#lock = lock;
    this.#recorder.start();
  }

  async stop(): Promise<void> {
    this.#tools.tier?.clear();
    await this.#floor.idle();
    await this.journal.close();
    await this.#tools.commits.stop();
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

  async #look(name: StoredName): Promise<StoredDiskFile | undefined> {
    const file = await this.openFile(name);
    this.#tools.tier?.looked(name, file);
    return file;
  }

  /** Opens the file itself, past the read cache. */
  protected openFile(name: StoredName): Promise<StoredDiskFile | undefined> {
    return openStoredFile(this.#tools, filePath(name));
  }

  locate(name: StoredName): Promise<FileLocation | undefined> {
    return locateStoredFile(this.#tools, filePath(name));
  }

  async listPatches(key: ObjectKey, baseVersion: number): Promise<number[]> {
    const versions: number[] = [];
    const directory = patchDirectoryPath(key, baseVersion);
    if (!(await this.#isReal(directory))) return versions;
    for await (const version of patchVersions(this.#tools.root, directory)) versions.push(version);
    return versions.sort((a, b) => a - b);
  }

  async remove(name: StoredName): Promise<boolean> {
    try {
      return await removeFile(this.#tools, filePath(name));
    } finally {
      this.#tools.tier?.changed(name);
    }
  }

  /** `allBut` reads the session's whole directory; `only` reads nothing else. */
  async removePatches(key: ObjectKey, which: PatchSelection): Promise<void> {
    const bases =
      "only" in which
        ? [which.only]
        : (await this.#patchedBases(key)).filter((base) => base !== which.allBut);
    try {
      for (const base of bases) await removePatchesOf(this.#tools, key, base);
    } finally {
      this.#tools.tier?.changedPatches(key);
    }
  }

  async #patchedBases(key: ObjectKey): Promise<number[]> {
    if (!(await this.#isReal(sessionPath(key.applicationId, key.sessionId)))) return [];
    return await patchedBases(this.#tools.root, key);
  }

  async listDeltas(key: ObjectKey): Promise<number[]> {
    const directory = deltaDirectoryPath(key);
    if (!(await this.#isReal(directory))) return [];
    const places: number[] = [];
    for await (const place of deltaPlaces(this.#tools.root, directory)) places.push(place);
    return places.sort((a, b) => a - b);
  }

  removeDeltas(key: ObjectKey): Promise<void> {
    return removeDeltasOf(this.#tools, key);
  }

  async syncFiles(names: readonly StoredName[]): Promise<void> {
    const files = names.map(filePath);
    await syncFiles(this.#tools, files);
    await this.#tools.commits.syncReplaced(files);
  }

  async syncRemovals(places: Iterable<RemovalPlace>): Promise<void> {
    const { syncs, commits } = this.#tools;
    const paths = new Set<string>();
    for (const { applicationId, sessionId } of places) {
      paths.add(sessionId === undefined ? applicationId : sessionPath(applicationId, sessionId));
    }
    const replaced = commits.live.replacedUnder([...paths]);
    await Promise.all([...paths].map((each) => syncs.sync(each)));
    await commits.log.syncRemovals(replaced);
  }

  /**
   * Moves the file to `.quarantine` under its own path and a unique suffix, with its reason beside
   * it: nothing there is ever overwritten. If there is no space for its directory, or a foreign
   * file is in its place, the file stays in place.
   */
  async quarantine(name: StoredName, reason: string): Promise<void> {
    const from = filePath(name);
    const moving = moveToQuarantine(this.#tools, name, reason);
    const to = await moving.finally(() => this.#tools.tier?.changed(name));
    if (to === undefined) return;
    this.#quarantined += 1;
    this.#recorder.changed(from);
    await this.#tools.commits.log.gone(from);
    log.error("damaged file moved to quarantine", { path: from, quarantine: to, reason });
    await removeEmptyDirectories(this.#tools, directoryOf(from));
  }

  async *scan(removals: Int32Array = new Int32Array(1)): AsyncIterable<ScannedObjects> {
    const { root, recorder } = this.#tools;
    const onUnsettled = ({ applicationId, sessionId }: SessionPrefix): void =>
      recorder.changed(sessionPath(applicationId, sessionId));
    const letGo = await recorder.holdForScan();
    try {
      yield* scanDirectory({ root, removals, onUnsettled });
    } finally {
      letGo();
    }
  }

  /**
   * Writes the records of sessions that are quiet now, as the engine does periodically. Never
   * rejects.
   */
  recordSessions(): Promise<void> {
    return this.#recorder.run();
  }

  async scanSession(applicationId: string, sessionId: string): Promise<ScannedSession | undefined> {
    if (!(await this.#isReal(sessionPath(applicationId, sessionId)))) return undefined;
    return await scanDiskSession(this.#tools.root, applicationId, sessionId);
  }

  async listSessions(applicationId: string): Promise<string[]> {
    if (!(await this.#isReal(applicationId))) return [];
    return await listDiskSessions(this.#tools.root, applicationId);
  }

  async raiseVersionFloor(version: number, ahead = 0): Promise<void> {
    assert(this.#lock, "only a started engine writes its floor");
    await this.#floor.raise(version, ahead);
  }

  async #isReal(directory: string): Promise<boolean> {
    try {
      return (await this.#tools.directories.look(directory)) === "real";
    } catch (error) {
      throw diskFailure(error, directory);
    }
  }
}
