/**
 * Removes files, and the directories that become empty.
 *
 * Uses the thread pool: freeing the blocks of a large file is slow (1 MiB 1 ms, 256 MiB 54 ms). A
 * directory is never read before it is removed: the system refuses to remove a non-empty one, even
 * if a publish filled it a moment ago. The commit log is notified, so that it does not replay the
 * file. Each removal first checks the file's directory: nothing is removed behind a link. No step
 * needs a free block.
 */
import path from "node:path";
import { logFor } from "../../log.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import { diskFailure, errnoOf, isMissing } from "./disk-failure.ts";
import { deltaPlaces, patchVersions } from "./disk-scan.ts";
import type { DiskTools } from "./disk-tools.ts";
import { deltaDirectoryPath, patchDirectoryPath } from "./file-names.ts";
import { type DirectoryNature, directoryOf } from "./real-directories.ts";

const log = logFor("storage");

/** @param file relative to the storage directory. @returns false if there was none. */
export async function removeFile(tools: DiskTools, file: string): Promise<boolean> {
  if (!(await unlink(tools, file))) return false;
  tools.recorder.changed(file);
  await removeEmptyDirectories(tools, path.posix.dirname(file));
  return true;
}

/** Removes all patches of one base, and their directory. */
export async function removePatchesOf(tools: DiskTools, key: ObjectKey, baseVersion: number): Promise<void> {
  const directory = patchDirectoryPath(key, baseVersion);
  if ((await natureNow(tools, directory)) !== "real") return;
  for await (const version of patchVersions(tools.root, directory)) {
    await unlink(tools, `${directory}/${version}.arrow`);
  }
  await removeEmptyDirectories(tools, directory);
  tools.recorder.changed(directory);
}

/** Removes all deltas of an object, and their directory. Other files in it stay. */
export async function removeDeltasOf(tools: DiskTools, key: ObjectKey): Promise<void> {
  const directory = deltaDirectoryPath(key);
  if ((await natureNow(tools, directory)) !== "real") return;
  let count = 0;
  for await (const place of deltaPlaces(tools.root, directory)) {
    await unlink(tools, `${directory}/${place}.arrow`);
    count += 1;
  }
  if (count === 0) return;
  await removeEmptyDirectories(tools, directory);
  tools.recorder.changed(directory);
}

/**
 * Removes empty directories from `innermost` outwards, up to the first that is not empty or cannot
 * be removed.
 */
export async function removeEmptyDirectories(tools: DiskTools, innermost: string): Promise<void> {
  await tools.gate.pass(async () => {
    if ((await tools.directories.look(innermost).catch(() => "foreign")) === "foreign") return;
    for (let directory = innermost; directory !== "."; directory = path.posix.dirname(directory)) {
      try {
        await tools.steps.removeDirectory(`${tools.root}/${directory}`);
        tools.syncs.removed(directory);
      } catch (error) {
        if (errnoOf(error) !== "ENOENT") return;
      }
    }
  });
}

async function unlink(tools: DiskTools, file: string): Promise<boolean> {
  const wasThere = await unlinked(tools, file);
  // Also if the file was removed by hand, because the commit log would replay it.
  await tools.commits.log.gone(file);
  if (wasThere && log.isEnabled("debug")) log.debug("file removed", { path: file });
  return wasThere;
}

async function unlinked(tools: DiskTools, file: string): Promise<boolean> {
  if ((await natureNow(tools, directoryOf(file))) !== "real") return false;
  try {
    await tools.steps.unlinkObject(`${tools.root}/${file}`);
    return true;
  } catch (error) {
    if (!isMissing(error) && errnoOf(error) !== "EISDIR") throw diskFailure(error, file);
    return false;
  }
}

async function natureNow({ directories }: DiskTools, directory: string): Promise<DirectoryNature> {
  try {
    return await directories.look(directory);
  } catch (error) {
    throw diskFailure(error, directory);
  }
}
