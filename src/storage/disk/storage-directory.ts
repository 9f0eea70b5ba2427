/**
 * Prepares the storage directory, or reports why it cannot be used.
 *
 * A missing directory is created. A file in its place, a read-only directory, too long a path, or a
 * link, pipe or the like in place of the engine's own files is refused at start rather than at the
 * first put. A full disk does not prevent the start: existing objects can be read and deleted.
 */
import fs from "node:fs";
import path from "node:path";
import { CacheError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { errnoOf, isDiskFull } from "./disk-failure.ts";
import type { DiskSteps } from "./disk-steps.ts";
import {
  EARLIER_FLOOR_FILE,
  EARLIER_LOG_DIRECTORY,
  EARLIER_NOTES_FILE,
  EVENTS_DIRECTORY,
  FACTS_DIRECTORY,
  LOG_DIRECTORY,
  NOTES_FILE,
  QUARANTINE_DIRECTORY,
  RELATIVE_PATH_BYTES_MAX,
  STAGING_DIRECTORY,
} from "./file-names.ts";

const log = logFor("storage");

/** PATH_MAX, including the terminating zero. */
const PATH_BYTES_MAX = process.platform === "linux" ? 4096 : 1024;

const OWN_DIRECTORIES = [
  STAGING_DIRECTORY,
  LOG_DIRECTORY,
  EARLIER_LOG_DIRECTORY,
  QUARANTINE_DIRECTORY,
  FACTS_DIRECTORY,
  EVENTS_DIRECTORY,
];
const OWN_FILES = [NOTES_FILE, EARLIER_FLOOR_FILE, EARLIER_NOTES_FILE];

const READ_WRITE_ENTER = fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK;

/** @throws {CacheError} INVALID_CONFIG, or the plain error of node:fs. */
export async function prepareDirectory(directory: string, steps: DiskSteps): Promise<void> {
  if (Buffer.byteLength(directory) + 2 + RELATIVE_PATH_BYTES_MAX > PATH_BYTES_MAX) {
    throw new CacheError("INVALID_CONFIG", `the path of the storage directory is too long: ${directory}`, {
      facts: { directory },
    });
  }
  for (const name of OWN_DIRECTORIES) await checkNature(directory, name, "directory");
  for (const name of OWN_FILES) await checkNature(directory, name, "file");
  const staging = `${directory}/${STAGING_DIRECTORY}`;
  const hasStaging = await syncMade(await made(staging, steps), { directory, steps });
  await fs.promises.access(directory, READ_WRITE_ENTER);
  if (hasStaging) await fs.promises.access(staging, READ_WRITE_ENTER);
  if (fs.existsSync(`${directory}/${STAGING_DIRECTORY.toUpperCase()}`)) {
    log.warn("the storage directory is case-insensitive: keys that differ only in case will collide", {
      directory,
    });
  }
}

/**
 * The engine created its own files: opening a pipe would block, and a link leads to a foreign file.
 */
async function checkNature(directory: string, name: string, wanted: "directory" | "file"): Promise<void> {
  let status: fs.Stats;
  try {
    status = await fs.promises.lstat(`${directory}/${name}`);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return;
    throw error;
  }
  if (wanted === "directory" ? status.isDirectory() : status.isFile()) return;
  const text = `${directory}/${name} is not a ${wanted} of its own, so the storage directory cannot be used: remove it, or name another directory with --storage`;
  throw new CacheError("INVALID_CONFIG", text, { facts: { directory, path: name } });
}

/**
 * Creates the directory. @returns the outermost created directory; false if there was no space for
 * it.
 */
async function made(staging: string, steps: DiskSteps): Promise<string | undefined | false> {
  try {
    return await steps.makeDirectory(staging);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    const facts = { path: STAGING_DIRECTORY, errno: errnoOf(error) };
    log.warn("no space on the disk for a directory that every put needs", facts);
    return false;
  }
}

/**
 * Makes the storage directory itself durable: a power loss that removed it would lose every object
 * in it.
 * @returns false if nothing was created for lack of space.
 */
async function syncMade(
  made: string | undefined | false,
  { directory, steps }: { readonly directory: string; readonly steps: DiskSteps },
): Promise<boolean> {
  if (made === false) return false;
  if (made === undefined) return true;
  for (let each = directory; each.length >= made.length; ) {
    each = path.dirname(each);
    await steps.syncDirectory(each);
  }
  return true;
}
