/**
 * Removes files, and the directories that become empty.
 *
 * Uses the thread pool: freeing the blocks of a large file is slow (1 MiB 1 ms, 256 MiB 54 ms). A
 * directory is never read before it is removed: the system refuses to remove a non-empty one, even
 * if a publish filled it a moment ago. A removal is a record of the log; a small file is unlinked
 * behind the answer (log/rest.ts), a large one before it. Each unlink first checks the file's
 * directory: nothing is removed behind a link. No step needs a free block.
 */
import fs from "node:fs";
import path from "node:path";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import type { SingleFile } from "../object-storage.ts";
import { diskFailure, errnoOf, isMissing } from "./disk-failure.ts";
import { deltaPlaces, patchVersions } from "./disk-scan.ts";
import type { DirectoryTools, DiskTools } from "./disk-tools.ts";
import {
  deltaDirectoryPath,
  filePath,
  otherFormPath,
  parseFilePath,
  parsePatchFileName,
  patchDirectoryPath,
} from "./file-names.ts";
import { storedAt, versionIn } from "./log/compare-stored.ts";
import { logFull } from "./log/log-writer.ts";
import { type DirectoryNature, directoryOf } from "./real-directories.ts";

const log = logFor("storage");

/**
 * @param file relative to the storage directory.
 * @param version no later file of this name has it or a lower one.
 * @returns false if there was none. A small file that was removed by hand may count as one.
 */
export async function removeFile(tools: DiskTools, file: string, version?: number): Promise<boolean> {
  const recent = tools.log.recents.get(file);
  if (recent?.isRested === false) {
    if (recent.kind === "gone") return false;
    const logged = version ?? (await versionIn(tools.log.read(recent)));
    if (!(await tools.log.gone(file, logged ?? 0))) throw logFull();
    return true;
  }
  // The log and the index know that the file is there and small: the disk is not asked.
  const isKnownSmall = version !== undefined && recent?.kind === "put" && recent.contentBytes > 0;
  if (isKnownSmall && (await tools.log.gone(file, version))) return true;
  const sizeBytes = await sizeOf(tools, file);
  // A rested file that was removed by hand must not come back either.
  if (sizeBytes === undefined && recent === undefined) return false;
  const stored = version === undefined ? await storedAt(tools.root, file) : undefined;
  const isRecorded = await tools.log.gone(file, version ?? stored?.version ?? 0);
  if (!isRecorded && recent !== undefined) throw logFull();
  // The log cannot tell a file of another program from a later one.
  const isLogged = isRecorded && stored?.isForeign !== true;
  if (isLogged && (sizeBytes ?? 0) <= LIMITS.logFileBytesMax) return sizeBytes !== undefined;
  const isKnown = recent !== undefined || isOtherFormLogged(tools, file);
  const wasThere = await removeNow(tools, file, isKnown);
  if (wasThere) await removeEmptyDirectories(tools, directoryOf(file));
  return wasThere;
}

/** Removes small files by their records alone: nobody looks whether they are there. */
export async function removeSingleFile(
  tools: DiskTools,
  { name, version, sizeBytes }: SingleFile,
): Promise<void> {
  const file = filePath(name);
  const isSmall = sizeBytes <= LIMITS.logFileBytesMax && tools.log.recents.pending(file)?.kind !== "gone";
  if (!isSmall || !(await tools.log.gone(file, version))) await removeFile(tools, file, version);
}

/**
 * If it fails the file stays, also for the next start.
 * @param isKnown true if the log has had the file, or its other form.
 */
async function removeNow(tools: DiskTools, file: string, isKnown: boolean): Promise<boolean> {
  const { writer } = tools.log;
  try {
    // An earlier content of the log would come back if the record were lost and the removal were not.
    await (isKnown ? writer.sync() : writer.syncFloor());
    return await unlinkFile(tools, file);
  } catch (error) {
    await tools.log.replaced(file, "unsynced");
    throw error;
  }
}

function isOtherFormLogged({ log: { recents } }: DiskTools, file: string): boolean {
  const name = parseFilePath(file);
  const other = name && otherFormPath(name);
  return other !== undefined && recents.get(other) !== undefined;
}

/** Undefined if there is no such file. Most objects have no other form: that costs one look. */
async function sizeOf(tools: DiskTools, file: string): Promise<number | undefined> {
  const { root, pace, directories } = tools;
  const path = `${root}/${file}`;
  try {
    const nature = directories.nature(directoryOf(file));
    if (nature !== "real" && (await nature) !== "real") return undefined;
    const status = pace.isQuick
      ? pace.block(() => fs.lstatSync(path, { throwIfNoEntry: false }))
      : await fs.promises.lstat(path);
    if (status === undefined || status.isDirectory()) return undefined;
    return (await directories.look(directoryOf(file))) === "real" ? status.size : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw diskFailure(error, file);
  }
}

/** Removes all patches of one base, and their directory. */
export async function removePatchesOf(tools: DiskTools, key: ObjectKey, baseVersion: number): Promise<void> {
  const directory = patchDirectoryPath(key, baseVersion);
  const remove = (version: number) => removeFile(tools, `${directory}/${version}.arrow`, version);
  for (const { path, kind } of [...tools.log.recents.in(directory)])
    if (kind === "put") await remove(parsePatchFileName(path.slice(directory.length + 1))!);
  if ((await natureNow(tools, directory)) !== "real") return;
  for await (const version of patchVersions(tools.root, directory)) await remove(version);
  await removeEmptyDirectories(tools, directory);
  tools.recorder.changed();
}

/** Removes all deltas of an object, and their directory. Other files in it stay. */
export async function removeDeltasOf(tools: DiskTools, key: ObjectKey): Promise<void> {
  const directory = deltaDirectoryPath(key);
  if ((await natureNow(tools, directory)) !== "real") return;
  let count = 0;
  for await (const place of deltaPlaces(tools.root, directory)) {
    await unlinkFile(tools, `${directory}/${place}.arrow`);
    count += 1;
  }
  if (count === 0) return;
  await removeEmptyDirectories(tools, directory);
  tools.recorder.changed();
}

/**
 * Removes empty directories from `innermost` outwards, up to the first that is not empty or cannot
 * be removed.
 */
export async function removeEmptyDirectories(tools: DirectoryTools, innermost: string): Promise<void> {
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

/** @returns false if there was no such file. */
export async function unlinkFile(tools: DirectoryTools, file: string): Promise<boolean> {
  if ((await natureNow(tools, directoryOf(file))) !== "real") return false;
  try {
    await tools.steps.unlinkObject(`${tools.root}/${file}`);
  } catch (error) {
    if (!isMissing(error) && errnoOf(error) !== "EISDIR") throw diskFailure(error, file);
    return false;
  }
  tools.recorder.changed();
  if (log.isEnabled("debug")) log.debug("file removed", { path: file });
  return true;
}

async function natureNow({ directories }: DirectoryTools, directory: string): Promise<DirectoryNature> {
  try {
    return await directories.look(directory);
  } catch (error) {
    throw diskFailure(error, directory);
  }
}
