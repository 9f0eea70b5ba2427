/**
 * Merges what the log knows with what the directory has, for callers that list names.
 *
 * The log decides about files that have not come to rest: removed ones are left out, others are
 * added. A file may come to rest while its directory is read: a caller asks before that what is
 * pending, and these files are looked up again. The scan of a start gets the facts of a recent
 * object from the log.
 */
import fs from "node:fs";
import { LIMITS } from "../../../limits.ts";
import { FileFactsReader } from "../../../object/file-facts.ts";
import type { BaseFacts } from "../../../object/index-facts.ts";
import { type ObjectKey, ownText, type SessionPrefix } from "../../../object/object-key.ts";
import type { ScannedObjects, StoredName } from "../../object-storage.ts";
import { FactsList, factsAt, NO_FACTS } from "../../scanned-facts.ts";
import {
  filePath,
  otherFormPath,
  parseFilePath,
  parsePatchDirectoryName,
  parsePatchFileName,
  patchDirectoryPath,
  sessionPath,
} from "../file-names.ts";
import type { DiskLog } from "./disk-log.ts";
import type { Recent } from "./log-segment.ts";

export class RecentNames {
  readonly #log: DiskLog;
  readonly #root: string;
  readonly #facts = new FileFactsReader();

  /** @param root the storage directory, absolute. */
  constructor(log: DiskLog, root: string) {
    this.#log = log;
    this.#root = root;
  }

  /** Files of a directory that have not come to rest, removed ones too. */
  pendingIn(directory: string): string[] {
    return pathsOf(this.#log.recents.in(directory));
  }

  /** Files of a session that have not come to rest, removed ones too. */
  pendingOf({ applicationId, sessionId }: SessionPrefix): string[] {
    const directories = [...this.#log.recents.directoriesOf(sessionPath(applicationId, sessionId))];
    return directories.flatMap((each) => this.pendingIn(each));
  }

  /**
   * Adds the versions of recent patches in this directory. Deletes those of removed ones.
   * @param before what was pending before the directory was read.
   */
  changePatches(directory: string, versions: Set<number>, before: readonly string[]): void {
    for (const path of new Set([...before, ...this.pendingIn(directory)])) {
      const version = parsePatchFileName(path.slice(directory.length + 1));
      if (version === undefined) continue;
      if (this.#isThere(path)) versions.add(version);
      else versions.delete(version);
    }
  }

  /** Base versions with recent patches of this object. */
  patchedBases({ applicationId, sessionId, objectId }: ObjectKey): number[] {
    const session = sessionPath(applicationId, sessionId);
    const bases: number[] = [];
    for (const directory of this.#log.recents.directoriesOf(session)) {
      const found = parsePatchDirectoryName(directory.slice(session.length + 1));
      if (found?.objectId === objectId && this.#hasPuts(directory)) bases.push(found.baseVersion);
    }
    return bases;
  }

  /** Sessions of an application with recent objects. */
  sessions(applicationId: string): string[] {
    const sessions: string[] = [];
    for (const path of this.#log.recents.sessions) {
      const [application, sessionId] = path.split("/");
      if (application !== applicationId) continue;
      if ([...this.#log.recents.directoriesOf(path)].some((each) => this.#hasPuts(each)))
        sessions.push(sessionId!);
    }
    return sessions;
  }

  /** True if the session's directory may have only files that are removed. */
  hasRemovals(session: SessionPrefix): boolean {
    return [...this.#of(session).values()].some(({ kind, isRested }) => kind === "gone" && !isRested);
  }

  /**
   * The names of a session, of which the directory has `stored`.
   * @param before what was pending before the directory was read.
   */
  inSession(
    session: SessionPrefix,
    stored: readonly StoredName[],
    before: readonly string[],
  ): readonly StoredName[] {
    const recent = new Set([...before, ...this.pendingOf(session)]);
    if (recent.size === 0) return stored;
    const names = stored.filter((name) => !recent.has(filePath(name)));
    for (const path of recent) if (this.#isThere(path)) names.push(parseFilePath(path)!);
    return names;
  }

  #isThere(path: string): boolean {
    const pending = this.#log.recents.pending(path);
    if (pending !== undefined) return pending.kind === "put";
    return fs.lstatSync(`${this.#root}/${path}`, { throwIfNoEntry: false })?.isFile() === true;
  }

  /** The objects with files that have not come to rest, a batch at a time. */
  async *objects(removals: Int32Array): AsyncGenerator<ScannedObjects> {
    for (const path of [...this.#log.recents.sessions]) {
      const [applicationId, sessionId] = path.split("/") as [string, string];
      const session = { applicationId, sessionId };
      const names = [...this.#of(session).values()].filter(isPendingPut);
      for (let start = 0; start < names.length; start += LIMITS.scanBatchObjects) {
        const seenAt = Atomics.load(removals, 0);
        yield {
          ...session,
          ...this.#batch(names.slice(start, start + LIMITS.scanBatchObjects)),
          seenAt,
        };
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  /**
   * What the scan found in the directory: what the log decides needs a closer look. Undefined if
   * all of it is removed.
   */
  changed(found: ScannedObjects): ScannedObjects | undefined {
    const { applicationId, sessionId, facts, names } = found;
    const recent = this.#of({ applicationId, sessionId });
    if (recent.size === 0) return found;
    const unsure = new Set(
      [...recent.values()].filter(decides).map(({ path }) => parseFilePath(path)!.key.objectId),
    );
    if (unsure.size === 0) return found;
    const certain = new FactsList(facts.objectIds.length);
    const looked: StoredName[] = names.filter((name) => !decidesGone(recent.get(filePath(name))));
    for (const [index, objectId] of facts.objectIds.entries()) {
      const name: StoredName = { key: { applicationId, sessionId, objectId }, part: { kind: "file" } };
      if (!unsure.has(objectId)) certain.add(objectId, factsAt(facts, index));
      else if (!decidesGone(recent.get(filePath(name)))) looked.push(name);
    }
    if (certain.length + looked.length === 0) return undefined;
    return { ...found, facts: certain.finish(), names: looked };
  }

  /** Facts of objects of one file, and the names of all others: their files are found together. */
  #batch(recents: readonly Recent[]): Pick<ScannedObjects, "facts" | "names"> {
    const facts = new FactsList(recents.length);
    const names: StoredName[] = [];
    for (const recent of recents) {
      const name = parseFilePath(recent.path)!;
      const read = name.part.kind === "file" ? this.#factsOf(recent, name) : undefined;
      if (read === undefined) names.push(name);
      // The index keeps the id.
      else facts.add(ownText(name.key.objectId), read);
    }
    return { facts: facts.length > 0 ? facts.finish() : NO_FACTS, names };
  }

  #factsOf(recent: Recent, name: StoredName): BaseFacts | undefined {
    try {
      if (this.#log.recents.pending(recent.path) !== recent) return undefined;
      const read = this.#facts.read(this.#log.read(recent));
      if (read === undefined || this.#hasOtherFiles(name, read.version)) return undefined;
      return { ...read, form: "file", fileSizeBytes: recent.contentBytes };
    } catch {
      return undefined;
    }
  }

  /** True if the object may have patches, or its other form. */
  #hasOtherFiles(name: StoredName, version: number): boolean {
    const { recents } = this.#log;
    const [patches, otherForm] = [patchDirectoryPath(name.key, version), otherFormPath(name)!];
    for (const _ of recents.in(patches)) return true;
    if (recents.get(otherForm) !== undefined) return true;
    return fs.existsSync(`${this.#root}/${patches}`) || fs.existsSync(`${this.#root}/${otherForm}`);
  }

  /** The files of one session, its patches too, by path. */
  #of({ applicationId, sessionId }: SessionPrefix): Map<string, Recent> {
    const found = new Map<string, Recent>();
    for (const directory of this.#log.recents.directoriesOf(sessionPath(applicationId, sessionId)))
      for (const recent of this.#log.recents.in(directory)) found.set(recent.path, recent);
    return found;
  }

  #hasPuts(directory: string): boolean {
    for (const recent of this.#log.recents.in(directory)) if (isPendingPut(recent)) return true;
    return false;
  }
}

function pathsOf(recents: Iterable<Recent>): string[] {
  const paths: string[] = [];
  for (const { path, isRested } of recents) if (!isRested) paths.push(path);
  return paths;
}

function isPendingPut({ kind, isRested }: Recent): boolean {
  return kind === "put" && !isRested;
}

/** A removal decides as long as a scan may have read the name before. */
function decides(recent: Recent): boolean {
  return !recent.isRested || recent.kind === "gone";
}

function decidesGone(recent: Recent | undefined): boolean {
  return recent?.kind === "gone";
}
