/**
 * Takes a damaged file out of the way: to `.quarantine`, under its own path and a unique ending.
 *
 * A move needs room for names. Where the disk has none the file stays in its place, and its key an error: it can still be
 * deleted or replaced, and a later start tries again.
 */
import { randomUUID } from "node:crypto";
import { logFor } from "../../log.ts";
import { diskFailure, errnoOf, isMissing, isNoRoom } from "./disk-failure.ts";
import type { DiskTools } from "./disk-tools.ts";
import { QUARANTINE_DIRECTORY } from "./file-names.ts";
import { directoryOf } from "./real-directories.ts";

const log = logFor("storage");

/**
 * @param file relative to the storage directory.
 * @returns where it lies now; undefined when it was not there, or had to stay.
 * @throws {CacheError} STORAGE_IO
 */
export async function moveToQuarantine(tools: DiskTools, file: string): Promise<string | undefined> {
  const { root, steps, directories } = tools;
  const to = `${QUARANTINE_DIRECTORY}/${file}.${randomUUID()}`;
  try {
    if ((await directories.look(directoryOf(file))) !== "real") return undefined;
    if ((await directories.look(directoryOf(to))) === "foreign")
      return stays(file, "no directory of its own");
    await steps.makeDirectory(`${root}/${directoryOf(to)}`);
    await steps.moveToQuarantine(`${root}/${file}`, `${root}/${to}`);
    return to;
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (isNoRoom(error)) return stays(file, errnoOf(error)!);
    throw diskFailure(error, file);
  }
}

function stays(path: string, cause: string): undefined {
  log.error("damaged file could not be moved to quarantine: it stays in its place", { path, cause });
}
