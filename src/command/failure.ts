/**
 * How a verb that works with a cache ends when it fails: one line of text with the code, and the exit code's name.
 *
 * Each code of the error table has its exit code here by type; statuses of servers that are not ours come by the same names.
 */
import { CacheError, type ErrorCode, isCacheError } from "../errors.ts";
import { GrpcError, type StatusName } from "../grpc/status.ts";
import { escapeUnseen } from "../log-format.ts";
import type { ExitName } from "./exit-codes.ts";

const EXIT_OF_CODE: Readonly<Record<ErrorCode, ExitName>> = {
  INVALID_KEY: "usage",
  INVALID_REQUEST: "dataError",
  INVALID_IPC: "dataError",
  UNKNOWN_ACTION: "unavailable",
  OBJECT_NOT_FOUND: "noInput",
  UNAUTHENTICATED: "noPermission",
  CANCELLED: "interrupted",
  DEADLINE_EXCEEDED: "tryAgain",
  STORAGE_FULL: "serverFailure",
  OBJECT_TOO_LARGE: "dataError",
  OVERLOADED: "tryAgain",
  SHUTTING_DOWN: "tryAgain",
  UNREACHABLE: "unavailable",
  OBJECT_CORRUPT: "damaged",
  STORAGE_IO: "serverFailure",
  NOT_IMPLEMENTED: "unavailable",
  INVALID_VALUE: "dataError",
  UNREADABLE_VALUE: "dataError",
  INVALID_CONFIG: "config",
};

const EXIT_OF_STATUS: Partial<Record<StatusName, ExitName>> = {
  UNAVAILABLE: "unavailable",
  UNIMPLEMENTED: "unavailable",
  NOT_FOUND: "noInput",
  INVALID_ARGUMENT: "dataError",
  PERMISSION_DENIED: "noPermission",
  UNAUTHENTICATED: "noPermission",
  DEADLINE_EXCEEDED: "tryAgain",
  ABORTED: "tryAgain",
  CANCELLED: "interrupted",
  DATA_LOSS: "damaged",
};

/** A failure of the command's own: the file that is not there, the pipe that was closed, the option that is missing. */
export class VerbError extends Error {
  override readonly name = "VerbError";
  readonly outcome: ExitName;

  constructor(outcome: ExitName, text: string, options?: ErrorOptions) {
    super(text, options);
    this.outcome = outcome;
  }
}

export interface Failure {
  readonly outcome: ExitName;
  /** One line; of a mistake in the program several, the stack. */
  readonly text: string;
}

/** @param endpoints what was dialled, for a server that cannot be reached */
export function describeFailure(error: unknown, endpoints: readonly string[] = []): Failure {
  if (error instanceof VerbError) return { outcome: error.outcome, text: escapeUnseen(error.message) };
  if (isCacheError(error)) {
    const where = isCacheError(error, "UNREACHABLE") ? ` (${endpoints.join(" or ")})` : "";
    return { outcome: EXIT_OF_CODE[error.code], text: escapeUnseen(`${error.message}${where}`) };
  }
  if (error instanceof GrpcError) {
    return {
      outcome: EXIT_OF_STATUS[error.status] ?? "serverFailure",
      text: escapeUnseen(`[${error.status}] ${error.message}`),
    };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { outcome: "internal", text: stack.split("\n").map(escapeUnseen).join("\n") };
}

const FILE_REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory (ENOENT)",
  ENOTDIR: "a part of its path is a file (ENOTDIR)",
  EACCES: "this user may not open it (EACCES)",
  EISDIR: "it is a directory (EISDIR)",
};

/** The failure of a file of the user's: the path, and the errno in words. */
export function fileFailure(outcome: ExitName, path: string, error: unknown): VerbError {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  return new VerbError(outcome, `${path}: ${FILE_REASONS[code] ?? code}`, { cause: error });
}

/** The error of a call or read that was given up because the user asked to stop. */
export function cancelled(): CacheError {
  return new CacheError("CANCELLED", "interrupted");
}
