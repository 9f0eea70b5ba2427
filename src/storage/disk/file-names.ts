/**
 * Maps names to paths on disk, and files found on disk to names. Pure text; nothing is opened.
 *
 *     <app>/<session>/<object_id>.arrow                            part "file"
 *     <app>/<session>/<object_id>.arrows                           part "stream"
 *     <app>/<session>/.<object_id>.v<baseVersion>/<version>.arrow  part "patch"
 *     <app>/<session>/<object_id>.deltas/<place>.arrow             part "delta", of the Rust cache
 *     .staging/  .quarantine/  .facts/  .log/  .journal/           the engine's own directories
 *
 * Names never collide: a key component never begins with a dot; objects are files, deltas lie in
 * directories; in a patch directory's name the last `.v<digits>` is the base version. Longest file
 * name: 1 + 200 + 2 + 16 bytes. On a case-insensitive disk names can collide; start() warns about
 * that.
 */
import { LIMITS } from "../../limits.ts";
import { checkKeyComponent, type ObjectKey } from "../../object/object-key.ts";
import type { ObjectPart, StoredName } from "../object-storage.ts";

export const STAGING_DIRECTORY = ".staging";
export const QUARANTINE_DIRECTORY = ".quarantine";
/** See facts-record.ts. */
export const FACTS_DIRECTORY = ".facts";
/** See log/disk-log.ts. */
export const LOG_DIRECTORY = ".log";
/** See log/replay.ts: the log, notes and version floor of earlier releases. */
export const EARLIER_LOG_DIRECTORY = ".commits";
export const EARLIER_NOTES_FILE = ".retention";
export const EARLIER_FLOOR_FILE = ".version-floor";
/** See events/event-segments.ts. */
export const EVENTS_DIRECTORY = ".journal";
/** See log/notes.ts. */
export const NOTES_FILE = `${LOG_DIRECTORY}/notes`;

export const STREAM_ENDING = ".arrows";
const ENDINGS = { file: ".arrow", stream: STREAM_ENDING } as const;
const DELTAS_ENDING = ".deltas";
const DELTA_FILE = /^(0|[1-9][0-9]{0,8})\.arrow$/;
const PATCH_DIRECTORY = /^\.(.+)\.v([1-9][0-9]{0,15})$/s;
const PATCH_FILE = /^([1-9][0-9]{0,15})\.arrow$/;

/**
 * The longest path under the storage directory, including quarantine and its unique suffix, bytes.
 */
export const RELATIVE_PATH_BYTES_MAX =
  2 * (LIMITS.keyComponentBytesMax + 1) + LIMITS.keyComponentBytesMax + 120;

/** Path of a session, relative to the storage directory. */
export function sessionPath(applicationId: string, sessionId: string): string {
  return `${applicationId}/${sessionId}`;
}

/** Path of a file, relative to the storage directory. */
export function filePath({ key, part }: StoredName): string {
  if (part.kind === "patch") return `${patchDirectoryPath(key, part.baseVersion)}/${part.version}.arrow`;
  if (part.kind === "delta") return `${deltaDirectoryPath(key)}/${part.place}.arrow`;
  return `${sessionPath(key.applicationId, key.sessionId)}/${key.objectId}${ENDINGS[part.kind]}`;
}

/** The name that `filePath` maps to this path; undefined for every other text. */
export function parseFilePath(path: string): StoredName | undefined {
  const [applicationId = "", sessionId = "", name = "", patchName, ...more] = path.split("/");
  if (more.length > 0 || !isKeyComponent(applicationId) || !isKeyComponent(sessionId)) return undefined;
  if (patchName === undefined) {
    const found = parseObjectFileName(name);
    return found && { key: { applicationId, sessionId, objectId: found.objectId }, part: found.part };
  }
  const base = parsePatchDirectoryName(name);
  const version = parsePatchFileName(patchName);
  if (base === undefined || version === undefined) return undefined;
  const part: ObjectPart = { kind: "patch", baseVersion: base.baseVersion, version };
  return { key: { applicationId, sessionId, objectId: base.objectId }, part };
}

/** The path of the same base in its other form; undefined for a patch. */
export function otherFormPath({ key, part }: StoredName): string | undefined {
  if (part.kind === "patch" || part.kind === "delta") return undefined;
  return filePath({ key, part: { kind: part.kind === "file" ? "stream" : "file" } });
}

/** Path of one base's patch directory, relative to the storage directory. */
export function patchDirectoryPath(key: ObjectKey, baseVersion: number): string {
  return `${sessionPath(key.applicationId, key.sessionId)}/.${key.objectId}.v${baseVersion}`;
}

/** Path of an object's delta directory, relative to the storage directory. */
export function deltaDirectoryPath(key: ObjectKey): string {
  return `${sessionPath(key.applicationId, key.sessionId)}/${key.objectId}${DELTAS_ENDING}`;
}

/** True for a valid key component. Invalid names on disk are not errors. */
export function isKeyComponent(name: string): boolean {
  try {
    checkKeyComponent(name);
    return true;
  } catch {
    return false;
  }
}

/** Parses a file name in a session's directory; undefined if it is not an object's. */
export function parseObjectFileName(fileName: string): { objectId: string; part: ObjectPart } | undefined {
  for (const kind of ["file", "stream"] as const) {
    if (!fileName.endsWith(ENDINGS[kind])) continue;
    const objectId = fileName.slice(0, -ENDINGS[kind].length);
    if (isKeyComponent(objectId)) return { objectId, part: { kind } };
  }
  return undefined;
}

/** Parses the name of a patch directory; undefined for any other directory. */
export function parsePatchDirectoryName(name: string): { objectId: string; baseVersion: number } | undefined {
  const match = PATCH_DIRECTORY.exec(name);
  if (!match || !isKeyComponent(match[1]!)) return undefined;
  const baseVersion = parseVersion(match[2]!);
  return baseVersion === undefined ? undefined : { objectId: match[1]!, baseVersion };
}

/** Returns the object id of a delta directory; undefined for any other directory. */
export function parseDeltaDirectoryName(name: string): string | undefined {
  const objectId = name.endsWith(DELTAS_ENDING) ? name.slice(0, -DELTAS_ENDING.length) : "";
  return isKeyComponent(objectId) ? objectId : undefined;
}

/** Returns the index of a delta from its file name. */
export function parseDeltaFileName(fileName: string): number | undefined {
  const match = DELTA_FILE.exec(fileName);
  return match ? Number(match[1]) : undefined;
}

/**
 * Maps a file in a patch or delta directory to its object and part; undefined for any other
 * directory or file.
 */
export function parseInnerFile(
  directory: string,
  fileName: string,
): { readonly objectId: string; readonly part: ObjectPart } | undefined {
  const patches = parsePatchDirectoryName(directory);
  const version = patches && parsePatchFileName(fileName);
  if (patches !== undefined && version !== undefined) {
    const { objectId, baseVersion } = patches;
    return { objectId, part: { kind: "patch", baseVersion, version } };
  }
  const objectId = parseDeltaDirectoryName(directory);
  const place = parseDeltaFileName(fileName);
  if (objectId === undefined || place === undefined) return undefined;
  return { objectId, part: { kind: "delta", place } };
}

/** True for the name of a patch or delta directory. */
export function isInnerDirectory(name: string): boolean {
  return parsePatchDirectoryName(name) !== undefined || parseDeltaDirectoryName(name) !== undefined;
}

/** Returns the version of a patch from its file name. */
export function parsePatchFileName(fileName: string): number | undefined {
  const match = PATCH_FILE.exec(fileName);
  return match ? parseVersion(match[1]!) : undefined;
}

function parseVersion(digits: string): number | undefined {
  const version = Number(digits);
  return version <= LIMITS.versionMax ? version : undefined;
}
