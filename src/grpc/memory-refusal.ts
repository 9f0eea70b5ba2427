/**
 * The OVERLOADED error for a call that gets no memory.
 *
 * Its facts, for the log, are the used memory and the limit.
 */
import { CacheError } from "../errors.ts";
import type { CallMemory } from "../http2/call-memory.ts";

export function tooManyCalls({ usedBytes, bytesMax }: CallMemory): CacheError {
  const text = "no memory for the call (limits.calls_memory); try again later";
  return new CacheError("OVERLOADED", text, { facts: { usedBytes, bytesMax } });
}
