/**
 * Walks one session: for the scan, in small batches with the facts of each file, or only for its
 * record (facts-record.ts).
 *
 * Blocking during a step. Bounded memory: LIMITS.scanNamesMax names, and those that need a closer
 * look. These are found first, because an object in two forms, or with patches, must not be judged
 * by one of its files. If the session has not changed since it was recorded, no file is opened.
 * Files are read in the order of the directory, which is that of the record: inode order would save
 * only what it costs to read the inodes, even on a cold disk.
 */
import fs from "node:fs";
import { LIMITS } from "../../limits.ts";
import type { BaseFacts } from "../../object/index-facts.ts";
import type { SessionPrefix } from "../../object/object-key.ts";
import type { ObjectPart, ScannedObjects, StoredName } from "../object-storage.ts";
import { FactsList } from "../scanned-facts.ts";
import { errnoOf, isMissing } from "./disk-failure.ts";
import { nameIsWhole } from "./disk-scan.ts";
import { directoryState, FactsRecord, FactsRecordWriter, isSettled, removeRecord } from "./facts-record.ts";
import {
  filePath,
  isInnerDirectory,
  parseInnerFile,
  parseObjectFileName,
  STREAM_ENDING,
  sessionPath,
} from "./file-names.ts";
import type { FactsReader } from "./read-facts.ts";

export interface WalkOptions {
  /** Absolute. */
  readonly root: string;
  /** Called before the first file of a batch is opened. */
  readonly removals: () => number;
  /** Called for directories that cannot be read. */
  readonly onUnreadable: (path: string, errno: string) => void;
  /** Called for sessions that are worth a record but changed too recently. */
  readonly onUnsettled?: () => void;
  /** The wall clock, ms since 1970. */
  readonly nowMs?: () => number;
}

/** Directory entries fetched in one system call. */
const ENTRIES_PER_READ = 512;
/** Files read for a record before others get a turn, if there is no thread: under a millisecond. */
const FILES_PER_STEP = 32;

export class SessionWalk {
  readonly #options: WalkOptions;
  readonly #reader: FactsReader;
  readonly #session: SessionPrefix;
  readonly #path: string;
  readonly #isThere: boolean;
  /** The old record, while it is valid. */
  readonly #record: FactsRecord | undefined;
  /** Writes the new record, if it may and is worth it. */
  #recordWriter: FactsRecordWriter | undefined;
  /** The count of removals before the record was compared with the directory, when it was valid. */
  readonly #seenAt: number;
  /** Objects that consist of more than one file. */
  readonly #notSimple = new Set<string>();
  /** Undefined if there are too many: then the directory is read twice. */
  #fileNames: string[] | undefined = [];
  #batch: Batch;

  constructor(options: WalkOptions, reader: FactsReader, session: SessionPrefix) {
    this.#options = options;
    this.#reader = reader;
    this.#session = session;
    this.#path = sessionPath(session.applicationId, session.sessionId);
    this.#seenAt = options.removals();
    this.#batch = new Batch(this.#seenAt);
    const state = directoryState(`${options.root}/${this.#path}`);
    this.#isThere = state !== undefined;
    if (state === undefined) return;
    this.#record = FactsRecord.open(options.root, session, state);
    if (this.#record === undefined && isSettled(state, (options.nowMs ?? Date.now)()))
      this.#recordWriter = new FactsRecordWriter(options.root, session, state);
  }

  close(): void {
    this.#record?.close();
    this.#recordWriter?.close();
  }

  /** For the scan. */
  *batches(): Generator<ScannedObjects> {
    for (const [objectId, part] of this.#partsBesideFiles()) {
      this.#notSimple.add(objectId);
      this.#lookCloser(objectId, part);
      if (this.#batch.isFull) yield this.#take();
    }
    if (this.#hasFew) this.#recordWriter = undefined;
    else if (this.#isUnsettled) this.#options.onUnsettled?.();
    for (const [objectId, part] of this.#files()) {
      this.#addFile(objectId, part);
      if (this.#batch.isFull) yield this.#take();
    }
    this.#recordWriter?.commit();
    if (!this.#batch.isEmpty) yield this.#take();
  }

  /**
   * Rewrites the record unless it is valid, a few files per step. Removes one that can no longer be
   * valid.
   */
  *record(): Generator<void> {
    if (this.#record !== undefined) return;
    if (this.#isUnsettled) return this.#options.onUnsettled?.();
    for (const [objectId] of this.#partsBesideFiles()) this.#notSimple.add(objectId);
    if (this.#hasFew) return removeRecord(this.#options.root, this.#session);
    let files = 0;
    for (const [objectId, part] of this.#files()) {
      if (!this.#notSimple.has(objectId)) this.#factsOf(objectId, part);
      files += 1;
      if (files % FILES_PER_STEP === 0) yield;
    }
    this.#recordWriter?.commit();
  }

  /** Neither a valid record nor permission to write one yet. */
  get #isUnsettled(): boolean {
    return this.#isThere && this.#record === undefined && this.#recordWriter === undefined;
  }

  /** Known once all names were read. */
  get #hasFew(): boolean {
    return this.#fileNames !== undefined && this.#fileNames.length < LIMITS.recordedObjectsMin;
  }

  #addFile(objectId: string, part: ObjectPart): void {
    const facts = this.#notSimple.has(objectId) ? undefined : this.#factsOf(objectId, part);
    if (facts === undefined) this.#lookCloser(objectId, part);
    else this.#batch.facts.add(objectId, facts);
  }

  #factsOf(objectId: string, part: ObjectPart): BaseFacts | undefined {
    const recorded = this.#record?.take(objectId);
    if (recorded !== undefined) return recorded;
    const file = filePath({ key: { ...this.#session, objectId }, part });
    const facts = this.#reader.read(`${this.#options.root}/${file}`);
    if (facts !== undefined) this.#recordWriter?.add(objectId, facts);
    return facts;
  }

  *#files(): Generator<[string, ObjectPart]> {
    for (const name of this.#fileNames ?? filesIn(this.#options, this.#path)) {
      const found = parseObjectFileName(name);
      if (found?.part.kind === "file" && this.#isWhole(name)) yield [found.objectId, found.part];
    }
  }

  /**
   * Yields streams, patches, and deltas; notes the names of other files while there are not too
   * many.
   */
  *#partsBesideFiles(): Generator<[string, ObjectPart]> {
    for (const entry of entries(this.#options, this.#path)) {
      if (entry.isFile()) {
        const found = entry.name.endsWith(STREAM_ENDING) ? parseObjectFileName(entry.name) : undefined;
        if (found === undefined) this.#takeDown(entry.name);
        else if (this.#isWhole(entry.name)) yield [found.objectId, found.part];
        continue;
      }
      if (!entry.isDirectory() || !isInnerDirectory(entry.name) || !this.#isWhole(entry.name)) continue;
      for (const inner of entries(this.#options, `${this.#path}/${entry.name}`)) {
        const found = inner.isFile() ? parseInnerFile(entry.name, inner.name) : undefined;
        if (found !== undefined) yield [found.objectId, found.part];
      }
    }
  }

  #takeDown(name: string): void {
    this.#fileNames?.push(name);
    if (this.#fileNames !== undefined && this.#fileNames.length > LIMITS.scanNamesMax)
      this.#fileNames = undefined;
  }

  #isWhole(name: string): boolean {
    return nameIsWhole(this.#options.root, `${this.#path}/${name}`);
  }

  #lookCloser(objectId: string, part: ObjectPart): void {
    this.#batch.names.push({ key: { ...this.#session, objectId }, part });
  }

  #take(): ScannedObjects {
    const { facts, names, seenAt } = this.#batch;
    this.#batch = new Batch(this.#record === undefined ? this.#options.removals() : this.#seenAt);
    return { ...this.#session, facts: facts.finish(), names, seenAt };
  }
}

function* filesIn(options: WalkOptions, path: string): Generator<string> {
  for (const entry of entries(options, path)) if (entry.isFile()) yield entry.name;
}

/** The objects of one step. */
class Batch {
  readonly seenAt: number;
  readonly facts = new FactsList(LIMITS.scanBatchObjects);
  readonly names: StoredName[] = [];

  constructor(seenAt: number) {
    this.seenAt = seenAt;
  }

  get isEmpty(): boolean {
    return this.facts.length + this.names.length === 0;
  }

  get isFull(): boolean {
    return this.facts.length + this.names.length >= LIMITS.scanBatchObjects;
  }
}

/** The entries of a directory; none if it does not exist. */
export function* entries({ root, onUnreadable }: WalkOptions, path: string): Generator<fs.Dirent> {
  let directory: fs.Dir | undefined;
  try {
    directory = fs.opendirSync(`${root}/${path}`, { bufferSize: ENTRIES_PER_READ });
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) yield entry;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    if (!isMissing(error)) onUnreadable(path, errno);
  } finally {
    directory?.closeSync();
  }
}
