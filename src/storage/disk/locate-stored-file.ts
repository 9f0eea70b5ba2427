/**
 * Locates a published file, with its identity, for a process of this host that reads it directly.
 *
 * Device, inode, size and modification time together identify it: a replacement, or a file of the
 * same name in another mount, differs in at least one.
 */
import fs from "node:fs";
import type { FileLocation } from "../object-storage.ts";
import { diskFailure, isMissing } from "./disk-failure.ts";
import type { DiskTools } from "./disk-tools.ts";
import { directoryOf } from "./real-directories.ts";

/**
 * @param file relative to the storage directory. Undefined if it is not a regular file. @throws
 *   {CacheError} STORAGE_IO
 */
export async function locateStoredFile(tools: DiskTools, file: string): Promise<FileLocation | undefined> {
  const { root, pace, directories } = tools;
  const path = `${root}/${file}`;
  try {
    if ((await directories.nature(directoryOf(file))) !== "real") return undefined;
    const status = pace.isQuick
      ? pace.block(() => fs.lstatSync(path, { bigint: true }))
      : await fs.promises.lstat(path, { bigint: true });
    if (!status.isFile()) return undefined;
    const { size: sizeBytes, dev: device, ino: inode, mtimeNs: modifiedNs } = status;
    return { path, sizeBytes, device, inode, modifiedNs };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw diskFailure(error, file);
  }
}
