/**
 * Makes the storage directory ready, or says in one sentence why it cannot be used: a missing one is made; a file in its place, a
 * read-only one, one with too long a path, or a link, a pipe or the like in place of what is the engine's own is refused at
 * start rather than at the first put. A full disk is no reason not to start: what is there can be read and deleted.
 */
import fs from "node:fs";
import path from "node:path";
import { CacheError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { errnoOf, isNoRoom, unlessDiskFailure } from "./disk-failure.ts";
import type { DiskSteps } from "./disk-steps.ts";
import type { DiskTools } from "./disk-tools.ts";
import {
  COMMITS_DIRECTORY,
  FACTS_DIRECTORY,
  QUARANTINE_DIRECTORY,
  RELATIVE_PATH_BYTES_MAX,
  RETENTION_FILE,
  STAGING_DIRECTORY,
  VERSION_FLOOR_FILE,
} from "./file-names.ts";

import type { VersionFloor } from "./version-floor.ts";

const log = logFor("storage");

/** PATH_MAX, with its closing zero. */
const PATH_BYTES_MAX = process.platform === "linux" ? 4096 : 1024;

const OWN_DIRECTORIES = [STAGING_DIRECTORY, COMMITS_DIRECTORY, QUARANTINE_DIRECTORY, FACTS_DIRECTORY];
const OWN_FILES = [VERSION_FLOOR_FILE, RETENTION_FILE];

const READ_WRITE_ENTER = fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK;

/** @throws {CacheError} INVALID_CONFIG, or the bare error of node:fs. */
export async function prepareDirectory(directory: string, steps: DiskSteps): Promise<void> {
  if (Buffer.byteLength(directory) + 2 + RELATIVE_PATH_BYTES_MAX > PATH_BYTES_MAX) {
    throw new CacheError("INVALID_CONFIG", "the storage directory's path is too long", {
      facts: { directory },
    });
  }
  for (const name of OWN_DIRECTORIES) await checkNature(directory, name, "directory");
  for (const name of OWN_FILES) await checkNature(directory, name, "file");
  const staging = `${directory}/${STAGING_DIRECTORY}`;
  const hasStaging = await settleMade(await made(staging, steps), { directory, steps });
  await fs.promises.access(directory, READ_WRITE_ENTER);
  if (hasStaging) await fs.promises.access(staging, READ_WRITE_ENTER);
  if (fs.existsSync(`${directory}/${STAGING_DIRECTORY.toUpperCase()}`)) {
    log.warn("the storage directory folds upper and lower case: keys that differ only in case will meet", {
      directory,
    });
  }
}

/**
 * Makes the version floor ready to be written on a full disk, as long as there is room. Where there is none, what is known of
 * sessions' files makes way: nothing needs it, and deleting needs the floor.
 */
export async function prepareFloor({ root }: DiskTools, floor: VersionFloor): Promise<void> {
  try {
    await floor.prepare();
  } catch (error) {
    unlessDiskFailure(error);
    await fs.promises.rm(`${root}/${FACTS_DIRECTORY}`, { recursive: true, force: true }).catch(() => {});
    await floor.prepare().catch((again: unknown) => {
      unlessDiskFailure(again);
      log.error("no room for the version floor: nothing can be deleted before there is some");
    });
  }
}

/** What is the engine's own is what it made: a pipe would be waited for, and what a link leads to is somebody else's. */
async function checkNature(directory: string, name: string, wanted: "directory" | "file"): Promise<void> {
  let status: fs.Stats;
  try {
    status = await fs.promises.lstat(`${directory}/${name}`);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return;
    throw error;
  }
  if (wanted === "directory" ? status.isDirectory() : status.isFile()) return;
  throw new CacheError("INVALID_CONFIG", `the storage directory's ${name} is not a ${wanted} of its own`, {
    facts: { directory, path: name },
  });
}

/** The outermost directory that had to be made; false where there was no room for it. */
async function made(staging: string, steps: DiskSteps): Promise<string | undefined | false> {
  try {
    return await steps.makeDirectory(staging);
  } catch (error) {
    if (!isNoRoom(error)) throw error;
    const facts = { path: STAGING_DIRECTORY, errno: errnoOf(error) };
    log.warn("no room on the disk for a directory that every put needs", facts);
    return false;
  }
}

/**
 * A storage directory that a power loss takes away would take with it every object that was promised to last.
 * @returns false when nothing was made for want of room.
 */
async function settleMade(
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
