/**
 * Handlers of methods that take one message and answer one.
 *
 * The request is collected within a limit, and the client must have half-closed behind it.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { CallHandler, ServerCall } from "./call.ts";

/**
 * The handler of a unary method. `handle` gets the whole request, as a view when it came in one chunk.
 * @throws {CacheError} (as the call's status) INVALID_REQUEST when there is no message or more than one,
 *   OBJECT_TOO_LARGE when it is over `sizeBytesMax`
 */
export function unary(
  handle: (request: Buffer, call: ServerCall) => Promise<Uint8Array>,
  sizeBytesMax: number = LIMITS.requestBytesMax,
): CallHandler {
  return async (call) => {
    const request = await singleRequest(call, sizeBytesMax);
    await call.write([await handle(request, call)]);
  };
}

/** The one message of a method that takes exactly one; for handlers that answer with many. */
export async function singleRequest(call: ServerCall, sizeBytesMax: number): Promise<Buffer> {
  const message = await call.requests.next();
  if (message === null) throw new CacheError("INVALID_REQUEST", "the call has no message");
  const request = await message.collect(sizeBytesMax, (bytes) => call.collect(bytes));
  if ((await call.requests.next()) !== null) {
    throw new CacheError("INVALID_REQUEST", "the call has more than one message");
  }
  return request;
}
