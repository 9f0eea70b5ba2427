/**
 * Moves a damaged file to `.quarantine`, under its own path and a unique suffix, with the reason
 * and the undo command beside it (quarantine-reason.ts).
 *
 * The reason is written first, so a crash can leave a reason without a file but not the reverse. On
 * a disk without space for the reason the file moves without it. If there is no space for the names
 * either, the file stays in place and its key is an error: it can still be deleted or replaced, and
 * a later start tries again.
 */
import { randomUUID } from "node:crypto";
import { logFor } from "../../log.ts";
import type { StoredName } from "../object-storage.ts";
import { diskFailure, errnoOf, isDiskFull, isMissing } from "./disk-failure.ts";
import type { DiskTools } from "./disk-tools.ts";
import { filePath, QUARANTINE_DIRECTORY } from "./file-names.ts";
import { formatReason, REASON_ENDING } from "./quarantine-reason.ts";
import { directoryOf } from "./real-directories.ts";

const log = logFor("storage");

/**
 * @returns the new path, relative to the storage directory; undefined if there was no file or it
 *   had to stay.
 * @throws {CacheError} STORAGE_IO
 */
export async function moveToQuarantine(
  tools: DiskTools,
  name: StoredName,
  reason: string,
): Promise<string | undefined> {
  const { root, steps, directories } = tools;
  const file = filePath(name);
  const to = `${QUARANTINE_DIRECTORY}/${file}.${randomUUID()}`;
  try {
    if ((await directories.look(directoryOf(file))) !== "real") return undefined;
    if ((await directories.look(directoryOf(to))) === "foreign")
      return stays(file, "a foreign file is in place of its directory");
    await steps.makeDirectory(`${root}/${directoryOf(to)}`);
    await moveWithReason(tools, { file, to, reason: formatReason(name, to, reason) });
    return to;
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (isDiskFull(error)) return stays(file, errnoOf(error)!);
    throw diskFailure(error, file);
  }
}

interface Move {
  readonly file: string;
  readonly to: string;
  readonly reason: string;
}

async function moveWithReason({ root, steps }: DiskTools, { file, to, reason }: Move): Promise<void> {
  const reasonPath = `${root}/${to}${REASON_ENDING}`;
  await steps.writeReason(reasonPath, reason).catch(async (error: unknown) => {
    await steps.unlinkStaged(reasonPath).catch(() => {});
    log.warn("the reason of a quarantine could not be written", { path: to, errno: errnoOf(error) });
  });
  try {
    await steps.moveToQuarantine(`${root}/${file}`, `${root}/${to}`);
  } catch (error) {
    await steps.unlinkStaged(reasonPath).catch(() => {});
    throw error;
  }
}

function stays(path: string, cause: string): undefined {
  log.error("damaged file could not be moved to quarantine: it stays in its place", { path, cause });
}
