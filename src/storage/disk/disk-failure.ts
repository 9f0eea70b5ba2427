/**
 * From what the operating system says to the error a caller can act on: no room left is STORAGE_FULL, everything
 * else STORAGE_IO. Facts name the errno and the path under the storage directory, never the machine's own path.
 */
import { CacheError, isCacheError } from "../../errors.ts";

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
  const code = NO_ROOM.has(errno) ? "STORAGE_FULL" : "STORAGE_IO";
  return new CacheError(code, undefined, { facts: { errno, path }, cause: error });
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
