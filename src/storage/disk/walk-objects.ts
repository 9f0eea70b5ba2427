/**
 * Walks a storage directory for the scan: sessions one by one, their files in small batches, each with its facts.
 *
 * Blocks while it makes a batch: for a thread that does nothing else, or with a turn of the loop between batches. Bounded memory:
 * of a session LIMITS.scanNamesMax names are held, and those that need a closer look. They are looked for first, because an
 * object whose value lies in two forms, or that has patches, must not be taken for what one of its files says. Files of a
 * session that did not change since the last walk are not opened (facts-record.ts).
 * What is not ours is passed over, as in disk-scan.ts; a directory that cannot be read is passed over and told.
 */
import fs from "node:fs";
import { LIMITS } from "../../limits.ts";
import type { SessionPrefix } from "../../object/object-key.ts";
import type { ObjectPart, ScannedObjects, StoredName } from "../object-storage.ts";
import { FactsList, type MeasuredFacts } from "../scanned-facts.ts";
import { errnoOf, isMissing } from "./disk-failure.ts";
import { nameIsWhole } from "./disk-scan.ts";
import { directoryState, FactsRecord, FactsRecordWriter, isSettled, sweepRecords } from "./facts-record.ts";
import {
  filePath,
  isKeyComponent,
  parseObjectFileName,
  parsePatchDirectoryName,
  parsePatchFileName,
  STREAM_ENDING,
  sessionPath,
} from "./file-names.ts";
import { FactsReader } from "./read-facts.ts";

export interface WalkOptions {
  /** Absolute. */
  readonly root: string;
  /** Asked before the first file of a batch is opened. */
  readonly removals: () => number;
  /** Told of directories that cannot be read. */
  readonly onUnreadable: (path: string, errno: string) => void;
  /** The wall clock, ms since 1970. */
  readonly nowMs?: () => number;
}

/** Directory entries fetched in one system call. */
const ENTRIES_PER_READ = 512;

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

class SessionWalk {
  readonly #options: WalkOptions;
  readonly #reader: FactsReader;
  readonly #session: SessionPrefix;
  readonly #path: string;
  /** What was learned before, while it holds. */
  readonly #record: FactsRecord | undefined;
  /** Takes down what is learned now, when it may hold. */
  readonly #recordWriter: FactsRecordWriter | undefined;
  /** The count of removals before the record was compared with the directory: what it tells was true then. */
  readonly #seenAt: number;
  /** Objects that one file alone does not tell. */
  readonly #notSimple = new Set<string>();
  /** Undefined when there are too many: the directory is then read a second time. */
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
    if (state === undefined) return;
    this.#record = FactsRecord.open(options.root, session, state);
    if (this.#record === undefined && isSettled(state, (options.nowMs ?? Date.now)()))
      this.#recordWriter = new FactsRecordWriter(options.root, session, state);
  }

  close(): void {
    this.#record?.close();
    this.#recordWriter?.close();
  }

  *batches(): Generator<ScannedObjects> {
    for (const [objectId, part] of this.#partsBesideFiles()) {
      this.#notSimple.add(objectId);
      this.#lookCloser(objectId, part);
      if (this.#batch.isFull) yield this.#take();
    }
    for (const [objectId, part] of this.#files()) {
      this.#addFile(objectId, part);
      if (this.#batch.isFull) yield this.#take();
    }
    this.#recordWriter?.commit();
    if (!this.#batch.isEmpty) yield this.#take();
  }

  #addFile(objectId: string, part: ObjectPart): void {
    const facts = this.#notSimple.has(objectId) ? undefined : this.#factsOf(objectId, part);
    if (facts === undefined) this.#lookCloser(objectId, part);
    else this.#batch.facts.add(objectId, facts);
  }

  #factsOf(objectId: string, part: ObjectPart): MeasuredFacts | undefined {
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

  /** Streams, and patches; takes down the names of all other files while they are not too many. */
  *#partsBesideFiles(): Generator<[string, ObjectPart]> {
    for (const entry of entries(this.#options, this.#path)) {
      if (entry.isFile()) {
        const found = entry.name.endsWith(STREAM_ENDING) ? parseObjectFileName(entry.name) : undefined;
        if (found === undefined) this.#takeDown(entry.name);
        else if (this.#isWhole(entry.name)) yield [found.objectId, found.part];
        continue;
      }
      const found = entry.isDirectory() ? parsePatchDirectoryName(entry.name) : undefined;
      if (found === undefined || !this.#isWhole(entry.name)) continue;
      for (const inner of entries(this.#options, `${this.#path}/${entry.name}`)) {
        const version = inner.isFile() ? parsePatchFileName(inner.name) : undefined;
        const { objectId, baseVersion } = found;
        if (version !== undefined) yield [objectId, { kind: "patch", baseVersion, version }];
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

/** What is handed out at once. */
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

/** The entries of a directory; none when it is not there. */
function* entries({ root, onUnreadable }: WalkOptions, path: string): Generator<fs.Dirent> {
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
