/**
 * The one way this room says no: bytes that are not Arrow IPC. Callers who read stored files turn it into OBJECT_CORRUPT.
 */
import { CacheError, type ErrorFacts } from "../errors.ts";

/** An INVALID_IPC error to throw. `text` names the rule that was broken, never the bytes. */
export function invalidIpc(text: string, facts: ErrorFacts = {}): CacheError {
  return new CacheError("INVALID_IPC", text, { facts });
}
