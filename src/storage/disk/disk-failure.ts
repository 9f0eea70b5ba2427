/**
 * From what the operating system says to the error a caller can act on: no room left is STORAGE_FULL, everything
 * else STORAGE_IO. Facts name the errno and the path under the storage directory, never the machine's own path.
 *
 * Each leaves a line in the log: the caller may be far away, and the operator has to see the path and the errno. A full disk
 * fails every put, so it is logged once in LIMITS.diskFullLogMs.
 */
import { CacheError, isCacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";

const log = logFor("storage");

const NO_ROOM: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);

/** What an open answers where no object is: nothing there, a name through a file, a symbolic link, a socket. */
const NOT_AN_OBJECT: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"]);

/** The errno's name of a failed system call, such as `ENOENT`; undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** @param path relative to the storage directory. An error that is typed already, or is nobody's errno, passes unchanged. */
export function diskFailure(error: unknown, path: string): unknown {
  const errno = errnoOf(error);
  if (isCacheError(error) || errno === undefined) return error;
  const facts = { errno, path };
  if (isNoRoom(error)) {
    fullDisk.failed(facts);
    return new CacheError("STORAGE_FULL", undefined, { facts, cause: error });
  }
  log.error("the disk refused an operation", facts);
  return new CacheError("STORAGE_IO", undefined, { facts, cause: error });
}

/** True when the disk has no block or no inode left, or the user may have no more. */
export function isNoRoom(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno !== undefined && NO_ROOM.has(errno);
}

class FullDisk {
  #loggedAtMs = Number.NEGATIVE_INFINITY;
  #unlogged = 0;

  failed(facts: { readonly errno: string; readonly path: string }): void {
    const nowMs = performance.now();
    if (nowMs - this.#loggedAtMs < LIMITS.diskFullLogMs) {
      this.#unlogged += 1;
      return;
    }
    log.warn("no room left on the disk", { ...facts, unlogged: this.#unlogged });
    this.#loggedAtMs = nowMs;
    this.#unlogged = 0;
  }
}

/** Of the process: one disk is full for all who use it. */
const fullDisk = new FullDisk();

/** Passes over a failure that diskFailure made, and logged. */
export function unlessDiskFailure(error: unknown): void {
  if (!isCacheError(error, "STORAGE_FULL") && !isCacheError(error, "STORAGE_IO")) throw error;
}

export function isMissing(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno !== undefined && NOT_AN_OBJECT.has(errno);
}

/** A failure while the engine starts: the operator has to look at the directory, so the error names it. */
export function unusableDirectory(error: unknown, directory: string): unknown {
  const errno = errnoOf(error);
  if (isCacheError(error) || errno === undefined) return error;
  const facts = { directory, errno };
  return new CacheError("INVALID_CONFIG", "the storage directory cannot be used", { facts, cause: error });
}
