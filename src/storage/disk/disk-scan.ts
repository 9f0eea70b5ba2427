/**
 * Finds the content of one session, one application or one directory of patches on disk;
 * walk-objects.ts walks all of them.
 *
 * Foreign files are skipped: names that are not key components, symbolic links, pipes. An
 * unreadable directory is logged and treated as empty.
 */
import fs from "node:fs";
import { logFor } from "../../log.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import type { ObjectPart, ScannedSession, StoredName } from "../object-storage.ts";
import { errnoOf, isMissing } from "./disk-failure.ts";
import {
  isInnerDirectory,
  isKeyComponent,
  parseDeltaFileName,
  parseInnerFile,
  parseObjectFileName,
  parsePatchDirectoryName,
  parsePatchFileName,
  sessionPath,
} from "./file-names.ts";

const log = logFor("storage");

/** Directory entries fetched in one call to the thread pool. */
const ENTRIES_PER_READ = 512;

/** What a name in a session says. */
interface FoundPart {
  readonly objectId: string;
  readonly part: ObjectPart;
}

/** Undefined if the session is empty. */
export async function scanDiskSession(
  root: string,
  applicationId: string,
  sessionId: string,
): Promise<ScannedSession | undefined> {
  const names: StoredName[] = [];
  const session = sessionPath(applicationId, sessionId);
  const take = (found: FoundPart | undefined): void => {
    if (found) names.push({ key: { applicationId, sessionId, objectId: found.objectId }, part: found.part });
  };
  for await (const read of entries(root, session)) {
    for (const entry of read) {
      const path = `${session}/${entry.name}`;
      const isInner = entry.isDirectory() && isInnerDirectory(entry.name);
      if (!(entry.isFile() || isInner) || !nameIsWhole(root, path)) continue;
      if (entry.isFile()) take(parseObjectFileName(entry.name));
      else
        for await (const inner of entries(root, path))
          for (const file of inner) if (file.isFile()) take(parseInnerFile(entry.name, file.name));
    }
  }
  return names.length > 0 ? { applicationId, sessionId, names } : undefined;
}

/** Sessions of one application that have a directory. */
export async function listDiskSessions(root: string, applicationId: string): Promise<string[]> {
  const sessions: string[] = [];
  for await (const read of entries(root, applicationId))
    for (const entry of read)
      if (isComponentDirectory(root, entry, sessionPath(applicationId, entry.name)))
        sessions.push(entry.name);
  return sessions;
}

/** Versions of the patches in one patch directory, unordered. */
export async function* patchVersions(root: string, path: string): AsyncGenerator<number> {
  for await (const name of filesIn(root, path)) {
    const version = parsePatchFileName(name);
    if (version !== undefined) yield version;
    else log.warn("a foreign file in a patch directory is ignored", { path: `${path}/${name}` });
  }
}

/** Indices of an object's deltas, unordered. */
export async function* deltaPlaces(root: string, path: string): AsyncGenerator<number> {
  for await (const name of filesIn(root, path)) {
    const place = parseDeltaFileName(name);
    if (place !== undefined) yield place;
  }
}

/**
 * Base versions that have a patch directory for `objectId`. Reads the session's whole directory.
 */
export async function patchedBases(root: string, key: ObjectKey): Promise<number[]> {
  const bases: number[] = [];
  for await (const read of entries(root, sessionPath(key.applicationId, key.sessionId)))
    for (const entry of read) {
      const found = entry.isDirectory() ? parsePatchDirectoryName(entry.name) : undefined;
      if (found?.objectId === key.objectId) bases.push(found.baseVersion);
    }
  return bases;
}

async function* filesIn(root: string, path: string): AsyncGenerator<string> {
  for await (const read of entries(root, path))
    for (const entry of read) if (entry.isFile()) yield entry.name;
}

/** The entries of a directory, many at a time; none if it does not exist. */
async function* entries(root: string, path: string): AsyncGenerator<readonly fs.Dirent[]> {
  let directory: fs.Dir | undefined;
  try {
    directory = await fs.promises.opendir(`${root}/${path}`, { bufferSize: ENTRIES_PER_READ });
    for (let next = await directory.read(); next !== null; next = await directory.read()) {
      const read: fs.Dirent[] = [];
      // The others came with the first one: a promise for each would take most of the time. At the end,
      // one call asks the directory once more.
      for (; next !== null; next = read.length < ENTRIES_PER_READ ? directory.readSync() : null)
        read.push(next);
      yield read;
      if (read.length < ENTRIES_PER_READ) return;
    }
  } catch (error) {
    if (isMissing(error)) return;
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    log.error("directory cannot be read: its objects are not found", { path, errno });
  } finally {
    await directory?.close();
  }
}

function isComponentDirectory(root: string, entry: fs.Dirent, path: string): boolean {
  return entry.isDirectory() && isKeyComponent(entry.name) && nameIsWhole(root, path);
}

/**
 * A name that is not UTF-8 is read with replacement characters and leads nowhere; a name that
 * really contains them leads to its file.
 */
export function nameIsWhole(root: string, path: string): boolean {
  return !path.includes("\ufffd") || fs.existsSync(`${root}/${path}`);
}
