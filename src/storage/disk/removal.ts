/**
 * Taking files away, and the directories that became empty by it.
 *
 * Over the thread pool: freeing the blocks of a large file takes long. A directory is never looked into before it is
 * removed: the system refuses to remove one that holds something, also one that a publish filled a moment ago.
 */
import path from "node:path";
import type { ObjectKey } from "../../object/object-key.ts";
import { diskFailure, errnoOf, isMissing } from "./disk-failure.ts";
import { patchVersions } from "./disk-scan.ts";
import type { DiskSteps } from "./disk-steps.ts";
import { patchDirectoryPath } from "./file-names.ts";

/** @param file relative to `root`. False when there was none. */
export async function removeFile(root: string, steps: DiskSteps, file: string): Promise<boolean> {
  if (!(await unlink(root, steps, file))) return false;
  await removeEmptyDirectories(root, steps, path.posix.dirname(file));
  return true;
}

/** All patches of one base, and their directory. */
export async function removePatchesOf(
  root: string,
  steps: DiskSteps,
  key: ObjectKey,
  baseVersion: number,
): Promise<void> {
  const directory = patchDirectoryPath(key, baseVersion);
  for await (const version of patchVersions(root, directory)) {
    await unlink(root, steps, `${directory}/${version}.arrow`);
  }
  await removeEmptyDirectories(root, steps, directory);
}

async function unlink(root: string, steps: DiskSteps, file: string): Promise<boolean> {
  try {
    await steps.unlinkObject(`${root}/${file}`);
    return true;
  } catch (error) {
    if (isMissing(error) || errnoOf(error) === "EISDIR") return false;
    throw diskFailure(error, file);
  }
}

/** From the innermost outwards, up to the first that is not empty (or cannot be removed: it then just stays). */
export async function removeEmptyDirectories(
  root: string,
  steps: DiskSteps,
  innermost: string,
): Promise<void> {
  let directory = innermost;
  while (directory !== ".") {
    try {
      await steps.removeDirectory(`${root}/${directory}`);
    } catch {
      return;
    }
    directory = path.posix.dirname(directory);
  }
}
