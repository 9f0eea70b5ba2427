/**
 * Maps errors of the operating system to errors a caller can act on: no space is STORAGE_FULL, all
 * others STORAGE_IO. Facts contain the errno and the path relative to the storage directory.
 *
 * Each failure is logged with path and errno, because the caller may be far from the operator. A
 * full disk fails every put, so it is logged once per LIMITS.diskFullLogMs.
 */
import { CacheError, isCacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";

const log = logFor("storage");

const NO_ROOM: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);

/**
 * Errors of an open that mean there is no object: no file, a path through a file, a symbolic link,
 * a socket.
 */
const NOT_AN_OBJECT: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"]);

/** The errno name of a failed system call, such as `ENOENT`; undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/**
 * @param path relative to the storage directory. Typed errors and errors without errno are returned
 *   unchanged.
 */
export function diskFailure(error: unknown, path: string): unknown {
  const errno = errnoOf(error);
  if (isCacheError(error) || errno === undefined) return error;
  const facts = { errno, path };
  if (isDiskFull(error)) {
    fullDisk.failed(facts);
    return new CacheError("STORAGE_FULL", undefined, { facts, cause: error });
  }
  log.error("a disk operation failed", facts);
  return new CacheError("STORAGE_IO", undefined, { facts, cause: error });
}

/** True if the disk has no block or inode left, or the user's quota is used up. */
export function isDiskFull(error: unknown): boolean {
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
    log.warn("no space left on the disk", { ...facts, unlogged: this.#unlogged });
    this.#loggedAtMs = nowMs;
    this.#unlogged = 0;
  }
}

/** One per process: a full disk is full for all engines on it. */
const fullDisk = new FullDisk();

/** Ignores a failure that diskFailure created and logged; rethrows others. */
export function unlessDiskFailure(error: unknown): void {
  if (!isCacheError(error, "STORAGE_FULL") && !isCacheError(error, "STORAGE_IO")) throw error;
}

export function isMissing(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno !== undefined && NOT_AN_OBJECT.has(errno);
}

/** How errors name a directory, and the flag that names another. */
export interface DirectoryUse {
  readonly name: string;
  readonly flag: string;
}

export const STORAGE_DIRECTORY: DirectoryUse = { name: "storage directory", flag: "--storage" };

/** Why a directory cannot be used, by errno. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "this user may not read and write it (EACCES)",
  EPERM: "this user may not read and write it (EPERM)",
  EEXIST: "a file is in its place (EEXIST)",
  ENOTDIR: "a file is in its place, or in its path (ENOTDIR)",
  ENOENT: "no directory can be made there (ENOENT)",
  EROFS: "its file system is read-only (EROFS)",
};

/**
 * A failure at engine start. The error names the directory, because the operator has to check it.
 */
export function unusableDirectory(
  error: unknown,
  directory: string,
  { name, flag }: DirectoryUse = STORAGE_DIRECTORY,
): unknown {
  const errno = errnoOf(error);
  if (isCacheError(error) || errno === undefined) return error;
  const reason = REASONS[errno] ?? `the system refused (${errno})`;
  const text = `the ${name} ${directory} cannot be used: ${reason}; ${flag} names another`;
  return new CacheError("INVALID_CONFIG", text, { facts: { directory, errno }, cause: error });
}
