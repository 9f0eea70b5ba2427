/**
 * The request of a method that takes exactly one message.
 *
 * The request is collected within a limit, and the client must half-close after it.
 */
import { CacheError } from "../errors.ts";
import type { ServerCall } from "./call.ts";

/**
 * Reads the request whole, as a view if it came in one chunk.
 * @throws {CacheError} INVALID_REQUEST if there is no message or more than one, OBJECT_TOO_LARGE if
 *   it exceeds `sizeBytesMax`
 */
export async function singleRequest(call: ServerCall, sizeBytesMax: number): Promise<Buffer> {
  const message = await call.requests.next();
  if (message === null) throw new CacheError("INVALID_REQUEST", "the call has no message");
  const request = await message.collect(sizeBytesMax, (bytes) => call.collect(bytes));
  if ((await call.requests.next()) !== null) {
    throw new CacheError("INVALID_REQUEST", "the call has more than one message");
  }
  return request;
}
