/**
 * Makes the storage directory ready, or says in one sentence why it cannot be used: a missing one is made, a
 * file in its place, a read-only one or one with too long a path is refused at start rather than at the first put.
 */
import fs from "node:fs";
import path from "node:path";
import { CacheError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import type { DiskSteps } from "./disk-steps.ts";
import { RELATIVE_PATH_BYTES_MAX, STAGING_DIRECTORY } from "./file-names.ts";

const log = logFor("storage");

/** PATH_MAX, with its closing zero. */
const PATH_BYTES_MAX = process.platform === "linux" ? 4096 : 1024;

const READ_WRITE_ENTER = fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK;

/** @throws {CacheError} INVALID_CONFIG, or the bare error of node:fs. */
export async function prepareDirectory(directory: string, steps: DiskSteps): Promise<void> {
  if (Buffer.byteLength(directory) + 2 + RELATIVE_PATH_BYTES_MAX > PATH_BYTES_MAX) {
    throw new CacheError("INVALID_CONFIG", "the storage directory's path is too long", {
      facts: { directory },
    });
  }
  const staging = `${directory}/${STAGING_DIRECTORY}`;
  await settleMade(await steps.makeDirectory(staging), { directory, steps });
  await fs.promises.access(directory, READ_WRITE_ENTER);
  await fs.promises.access(staging, READ_WRITE_ENTER);
  if (!(await fs.promises.lstat(staging)).isDirectory()) {
    throw new CacheError("INVALID_CONFIG", "the storage directory's staging directory is a link", {
      facts: { directory },
    });
  }
  if (fs.existsSync(`${directory}/${STAGING_DIRECTORY.toUpperCase()}`)) {
    log.warn("the storage directory folds upper and lower case: keys that differ only in case will meet", {
      directory,
    });
  }
}

/** A storage directory that a power loss takes away would take with it every object that was promised to last. */
async function settleMade(
  made: string | undefined,
  { directory, steps }: { readonly directory: string; readonly steps: DiskSteps },
): Promise<void> {
  if (made === undefined) return;
  for (let each = directory; each.length >= made.length; ) {
    each = path.dirname(each);
    await steps.syncDirectory(each);
  }
}
