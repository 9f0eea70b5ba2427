/**
 * OVERLOADED in words: there is no memory for a call, or for more of it.
 *
 * The account and its bound go into the log.
 */
import { CacheError } from "../errors.ts";
import type { CallMemory } from "../http2/call-memory.ts";

export function tooManyCalls({ usedBytes, bytesMax }: CallMemory): CacheError {
  const text = "the memory for calls is taken (limits.calls_memory); try again later";
  return new CacheError("OVERLOADED", text, { facts: { usedBytes, bytesMax } });
}
