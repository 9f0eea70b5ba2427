/**
 * Reads what is stored under a name, to compare it with the log at start: the bytes of a
 * small file, and the version of an intact one.
 *
 * A file up to LIMITS.wholeReadBytesMax is checked by its checksum; of a larger one only the
 * footer.
 */
import fs from "node:fs";
import { isCacheError } from "../../../errors.ts";
import { LIMITS } from "../../../limits.ts";
import type { ByteSource } from "../../../object/byte-sink.ts";
import { CACHE_MARK, type FileForm } from "../../../object/file-head.ts";
import { readStoredObject } from "../../../object/stored-object.ts";
import { verifyObject } from "../../../object/verify-object.ts";
import { isMissing } from "../disk-failure.ts";
import { STREAM_ENDING } from "../file-names.ts";
import { readFullySync } from "../read-fully.ts";
import { openSurveyFile } from "../survey-file.ts";

export interface Stored {
  /** Undefined if the file is not intact. */
  readonly version: number | undefined;
  /** True if a client wrote it: its version means nothing. */
  readonly isForeign: boolean;
}

/** Position of the length of the schema message in a file. */
const LENGTH_AT = 12;
/** Follows no link and does not block on a pipe. */
const FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;

/**
 * True if the file holds exactly these bytes. Blocking: the file is small. @throws the plain error
 * of node:fs
 */
export function isStored(root: string, file: string, content: Buffer): boolean {
  let fd: number | undefined;
  try {
    fd = fs.openSync(`${root}/${file}`, FLAGS);
    const status = fs.fstatSync(fd);
    if (!status.isFile() || status.size !== content.length) return false;
    const bytes = Buffer.allocUnsafe(content.length);
    return readFullySync(fd, bytes, 0) === bytes.length && bytes.equals(content);
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

/** Undefined if there is no file. @throws {CacheError} STORAGE_IO, or the plain error of node:fs */
export async function storedAt(root: string, file: string): Promise<Stored | undefined> {
  const path = `${root}/${file}`;
  if (!isRegularFile(path)) return undefined;
  const opened = await openSurveyFile(path);
  try {
    return opened && (await versionOf(opened, formOf(file)));
  } finally {
    opened?.close();
  }
}

/**
 * True for an intact file of another program. After a power loss it would count instead of a record
 * of its name, because nobody knows which is later. @throws {CacheError} STORAGE_IO
 */
export async function isForeignAt(root: string, file: string): Promise<boolean> {
  const path = `${root}/${file}`;
  // Most names have no file, or one of the cache: both are found out quickly.
  if (!fs.existsSync(path) || hasMark(path)) return false;
  const opened = isRegularFile(path) ? await openSurveyFile(path) : undefined;
  try {
    const object = opened && (await readStoredObject(opened, formOf(file)));
    return object?.isOwn === false;
  } catch (error) {
    if (isCacheError(error, "OBJECT_CORRUPT")) return false;
    throw error;
  } finally {
    opened?.close();
  }
}

/** True for a file that begins as those of the cache do (file-head.ts). Blocking: three short reads. */
function hasMark(path: string): boolean {
  let fd: number | undefined;
  try {
    fd = fs.openSync(path, FLAGS);
    const start = Buffer.alloc(LENGTH_AT + 4);
    if (readFullySync(fd, start, 0) < start.length) return false;
    const markAt = start.length + start.readUInt32LE(LENGTH_AT) - CACHE_MARK.length;
    const mark = Buffer.alloc(CACHE_MARK.length);
    return readFullySync(fd, mark, markAt) === mark.length && mark.equals(CACHE_MARK);
  } catch {
    return false;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

/** The version of the object in `content`; undefined if it is not one. */
export async function versionIn(content: Buffer): Promise<number | undefined> {
  return (await versionOf(sourceOf(content), "either")).version;
}

async function versionOf(source: ByteSource, form: FileForm | "either"): Promise<Stored> {
  const read = source.sizeBytes <= LIMITS.wholeReadBytesMax ? verifyObject : readStoredObject;
  try {
    const object = await read(source, form);
    return { version: object?.version, isForeign: object?.isOwn === false };
  } catch (error) {
    if (isCacheError(error, "OBJECT_CORRUPT")) return { version: undefined, isForeign: false };
    throw error;
  }
}

function formOf(file: string): FileForm {
  return file.endsWith(STREAM_ENDING) ? "stream" : "file";
}

function sourceOf(bytes: Buffer): ByteSource {
  return {
    sizeBytes: bytes.length,
    read: async (position, lengthBytes) => bytes.subarray(position, position + lengthBytes),
  };
}

function isRegularFile(path: string): boolean {
  try {
    return fs.lstatSync(path).isFile();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
