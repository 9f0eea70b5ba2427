/**
 * The status of a handler that failed.
 *
 * A CacheError carries its own status. Any other error is a bug: the client gets only an id, and
 * the log has the stack under that id.
 */
import { randomBytes } from "node:crypto";
import { isCacheError } from "../errors.ts";
import { logFor } from "../log.ts";
import { type CallStatus, statusCode, statusOf } from "./status.ts";

const log = logFor("grpc");

export function statusOfFailure(error: unknown, path: string): CallStatus {
  if (isCacheError(error)) return statusOf(error);
  const id = randomBytes(6).toString("hex");
  log.error("handler failed", { id, path, error });
  return { code: statusCode("INTERNAL"), message: `internal error (${id})` };
}
