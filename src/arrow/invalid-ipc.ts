/**
 * The error for bytes that are not valid Arrow IPC.
 *
 * Callers who read stored files convert it to OBJECT_CORRUPT.
 */
import { CacheError, type ErrorFacts } from "../errors.ts";

/** Creates an INVALID_IPC error. `text` names the broken rule, never the bytes. */
export function invalidIpc(text: string, facts: ErrorFacts = {}): CacheError {
  return new CacheError("INVALID_IPC", text, { facts });
}
