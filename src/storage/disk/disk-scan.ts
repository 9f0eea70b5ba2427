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
import type { ScannedSession, StoredName } from "../object-storage.ts";
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

/** Undefined if the session is empty. */
export async function scanDiskSession(
  root: string,
  applicationId: string,
  sessionId: string,
): Promise<ScannedSession | undefined> {
  const names: StoredName[] = [];
  const session = sessionPath(applicationId, sessionId);
  for await (const entry of entries(root, session)) {
    const path = `${session}/${entry.name}`;
    if (entry.isFile()) {
      const found = parseObjectFileName(entry.name);
      if (!found || !nameIsWhole(root, path)) continue;
      names.push({ key: { applicationId, sessionId, objectId: found.objectId }, part: found.part });
    } else if (entry.isDirectory() && isInnerDirectory(entry.name) && nameIsWhole(root, path)) {
      for await (const inner of entries(root, path)) {
        const found = inner.isFile() ? parseInnerFile(entry.name, inner.name) : undefined;
        if (!found) continue;
        names.push({ key: { applicationId, sessionId, objectId: found.objectId }, part: found.part });
      }
    }
  }
  return names.length > 0 ? { applicationId, sessionId, names } : undefined;
}

/** Sessions of one application that have a directory. */
export async function listDiskSessions(root: string, applicationId: string): Promise<string[]> {
  const sessions: string[] = [];
  for await (const entry of entries(root, applicationId)) {
    if (isComponentDirectory(root, entry, sessionPath(applicationId, entry.name))) sessions.push(entry.name);
  }
  return sessions;
}

/** Versions of the patches in one patch directory, unordered. */
export async function* patchVersions(root: string, path: string): AsyncGenerator<number> {
  for await (const entry of entries(root, path)) {
    const version = entry.isFile() ? parsePatchFileName(entry.name) : undefined;
    if (version !== undefined) yield version;
    else if (entry.isFile())
      log.warn("a foreign file in a patch directory is ignored", { path: `${path}/${entry.name}` });
  }
}

/** Indices of an object's deltas, unordered. */
export async function* deltaPlaces(root: string, path: string): AsyncGenerator<number> {
  for await (const entry of entries(root, path)) {
    const place = entry.isFile() ? parseDeltaFileName(entry.name) : undefined;
    if (place !== undefined) yield place;
  }
}

/**
 * Base versions that have a patch directory for `objectId`. Reads the session's whole directory.
 */
export async function patchedBases(root: string, key: ObjectKey): Promise<number[]> {
  const bases: number[] = [];
  for await (const entry of entries(root, sessionPath(key.applicationId, key.sessionId))) {
    const found = entry.isDirectory() ? parsePatchDirectoryName(entry.name) : undefined;
    if (found?.objectId === key.objectId) bases.push(found.baseVersion);
  }
  return bases;
}

/** The entries of a directory; none if it does not exist. */
async function* entries(root: string, path: string): AsyncGenerator<fs.Dirent> {
  try {
    const directory = await fs.promises.opendir(`${root}/${path}`, { bufferSize: ENTRIES_PER_READ });
    yield* directory;
  } catch (error) {
    if (isMissing(error)) return;
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    log.error("directory cannot be read: its objects are not found", { path, errno });
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
