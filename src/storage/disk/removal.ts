/**
 * Taking files away, and the directories that became empty by it.
 *
 * Over the thread pool: freeing the blocks of a large file takes long (1 MiB 1 ms, 256 MiB 54 ms). A directory is
 * never looked into before it is removed: the system refuses to remove one that holds something, also one that a publish filled a
 * moment ago. What the commit log would put back after a power loss is told to it. Each removal looks first whether the file's
 * directory is one: behind a link nothing is removed. None of it needs a free block.
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

/** @param file relative to the storage directory. False when there was none. */
export async function removeFile(tools: DiskTools, file: string): Promise<boolean> {
  if (!(await unlink(tools, file))) return false;
  tools.recorder.changed(file);
  await removeEmptyDirectories(tools, path.posix.dirname(file));
  return true;
}

/** All patches of one base, and their directory. */
export async function removePatchesOf(tools: DiskTools, key: ObjectKey, baseVersion: number): Promise<void> {
  const directory = patchDirectoryPath(key, baseVersion);
  if ((await natureNow(tools, directory)) !== "real") return;
  for await (const version of patchVersions(tools.root, directory)) {
    await unlink(tools, `${directory}/${version}.arrow`);
  }
  await removeEmptyDirectories(tools, directory);
  tools.recorder.changed(directory);
}

/** All deltas of an object, and their directory. What others left in it besides stays. */
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

/** From `innermost` outwards up to the first that is not empty, or cannot be removed: it then just stays. */
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
  // Also of what was removed by hand, perhaps, while the commit log would put it back.
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
