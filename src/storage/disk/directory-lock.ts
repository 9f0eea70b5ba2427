/**
 * Allows one process per storage directory, with an abstract unix socket that is named after the
 * directory's device and inode.
 *
 * The kernel frees the name when its owner dies, so there is no stale lock. Limits: Linux only
 * (elsewhere the log warns that there is no lock), and processes in different network namespaces,
 * such as containers that share a volume, do not see each other.
 */
import fs from "node:fs";
import net from "node:net";
import { CacheError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { type DirectoryUse, errnoOf, STORAGE_DIRECTORY } from "./disk-failure.ts";
import { describeOwner, ownerOfAbstractName } from "./socket-owner.ts";

const log = logFor("storage");

export interface DirectoryLock {
  release(): Promise<void>;
}

const NO_LOCK: DirectoryLock = { release: async () => {} };

/** @throws {CacheError} INVALID_CONFIG if another live process holds the lock. */
export async function lockDirectory(
  directory: string,
  { name: what, flag }: DirectoryUse = STORAGE_DIRECTORY,
): Promise<DirectoryLock> {
  if (process.platform !== "linux") {
    log.warn(`no directory lock on this platform: make sure that no second process uses the ${what}`);
    return NO_LOCK;
  }
  const { dev, ino } = await fs.promises.stat(directory, { bigint: true });
  const name = `flame-object-cache-${dev}-${ino}`;
  const server = net.createServer((socket) => socket.destroy());
  try {
    await listen(server, `\0${name}`);
  } catch (error) {
    if (errnoOf(error) !== "EADDRINUSE") throw error;
    const pid = ownerOfAbstractName(name);
    const text = `the ${what} ${directory} is in use by ${describeOwner(pid)}: stop that server, or name another directory with ${flag}`;
    throw new CacheError("INVALID_CONFIG", text, { facts: { directory, pid }, cause: error });
  }
  server.unref();
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** `exclusive`: in a cluster worker the socket must belong to this process, not to its parent. */
function listen(server: net.Server, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path: name, exclusive: true }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
