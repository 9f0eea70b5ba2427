/**
 * Where on disk a name lies, and which name a file found on disk has. Pure text; nothing is opened here.
 *
 *     <app>/<session>/<object_id>.arrow                            part "file"
 *     <app>/<session>/<object_id>.arrows                           part "stream"
 *     <app>/<session>/.<object_id>.v<baseVersion>/<version>.arrow  part "patch"
 *     <app>/<session>/<object_id>.deltas/<place>.arrow             part "delta", of the Rust cache
 *     .staging/  .quarantine/  .facts/  .commits/  .version-floor  .retention  the engine's own
 *
 * No two names meet: a component never begins with a dot, so what does is ours; objects are files, deltas lie in directories; of a patch directory's name the
 * last `.v<digits>` is the base, whatever the object id holds. Longest file name: 1 + 200 + 2 + 16 bytes.
 * On a disk that folds upper and lower case names can meet; start() says so in the log.
 */
import { LIMITS } from "../../limits.ts";
import { checkKeyComponent, type ObjectKey } from "../../object/object-key.ts";
import type { ObjectPart, StoredName } from "../object-storage.ts";

export const STAGING_DIRECTORY = ".staging";
export const QUARANTINE_DIRECTORY = ".quarantine";
/** See facts-record.ts. */
export const FACTS_DIRECTORY = ".facts";
/** See commits/commit-log.ts. */
export const COMMITS_DIRECTORY = ".commits";
export const VERSION_FLOOR_FILE = ".version-floor";
export const RETENTION_FILE = ".retention";

export const STREAM_ENDING = ".arrows";
const ENDINGS = { file: ".arrow", stream: STREAM_ENDING } as const;
const DELTAS_ENDING = ".deltas";
const DELTA_FILE = /^(0|[1-9][0-9]{0,8})\.arrow$/;
const PATCH_DIRECTORY = /^\.(.+)\.v([1-9][0-9]{0,15})$/s;
const PATCH_FILE = /^([1-9][0-9]{0,15})\.arrow$/;

/** The longest path under the storage directory, quarantine and its unique ending included, bytes. */
export const RELATIVE_PATH_BYTES_MAX =
  2 * (LIMITS.keyComponentBytesMax + 1) + LIMITS.keyComponentBytesMax + 120;

/** Path of a session under the storage directory. */
export function sessionPath(applicationId: string, sessionId: string): string {
  return `${applicationId}/${sessionId}`;
}

/** Path of a file under the storage directory. */
export function filePath({ key, part }: StoredName): string {
  if (part.kind === "patch") return `${patchDirectoryPath(key, part.baseVersion)}/${part.version}.arrow`;
  if (part.kind === "delta") return `${deltaDirectoryPath(key)}/${part.place}.arrow`;
  return `${sessionPath(key.applicationId, key.sessionId)}/${key.objectId}${ENDINGS[part.kind]}`;
}

/** What `filePath` made this path of; undefined for every other text. */
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

/** Path of the directory of one base's patches, under the storage directory. */
export function patchDirectoryPath(key: ObjectKey, baseVersion: number): string {
  return `${sessionPath(key.applicationId, key.sessionId)}/.${key.objectId}.v${baseVersion}`;
}

/** Path of the directory of an object's deltas, under the storage directory. */
export function deltaDirectoryPath(key: ObjectKey): string {
  return `${sessionPath(key.applicationId, key.sessionId)}/${key.objectId}${DELTAS_ENDING}`;
}

/** True for a name that keeps the rules for keys: of what lies on disk a wrong one is no error. */
export function isKeyComponent(name: string): boolean {
  try {
    checkKeyComponent(name);
    return true;
  } catch {
    return false;
  }
}

/** What a file in a session's directory is called; undefined for one that is not an object's. */
export function parseObjectFileName(fileName: string): { objectId: string; part: ObjectPart } | undefined {
  for (const kind of ["file", "stream"] as const) {
    if (!fileName.endsWith(ENDINGS[kind])) continue;
    const objectId = fileName.slice(0, -ENDINGS[kind].length);
    if (isKeyComponent(objectId)) return { objectId, part: { kind } };
  }
  return undefined;
}

/** Whose patches a directory in a session's directory holds; undefined for any other directory. */
export function parsePatchDirectoryName(name: string): { objectId: string; baseVersion: number } | undefined {
  const match = PATCH_DIRECTORY.exec(name);
  if (!match || !isKeyComponent(match[1]!)) return undefined;
  const baseVersion = parseVersion(match[2]!);
  return baseVersion === undefined ? undefined : { objectId: match[1]!, baseVersion };
}

/** Whose deltas a directory in a session's directory holds; undefined for any other directory. */
export function parseDeltaDirectoryName(name: string): string | undefined {
  const objectId = name.endsWith(DELTAS_ENDING) ? name.slice(0, -DELTAS_ENDING.length) : "";
  return isKeyComponent(objectId) ? objectId : undefined;
}

/** The place of a delta by the name of its file. */
export function parseDeltaFileName(fileName: string): number | undefined {
  const match = DELTA_FILE.exec(fileName);
  return match ? Number(match[1]) : undefined;
}

/** Which part of which object a file in a directory of patches or of deltas is; undefined for any other directory or file. */
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

/** True for a directory in a session's directory that holds patches or deltas. */
export function isInnerDirectory(name: string): boolean {
  return parsePatchDirectoryName(name) !== undefined || parseDeltaDirectoryName(name) !== undefined;
}

/** The version of a patch by the name of its file. */
export function parsePatchFileName(fileName: string): number | undefined {
  const match = PATCH_FILE.exec(fileName);
  return match ? parseVersion(match[1]!) : undefined;
}

function parseVersion(digits: string): number | undefined {
  const version = Number(digits);
  return version <= LIMITS.versionMax ? version : undefined;
}
