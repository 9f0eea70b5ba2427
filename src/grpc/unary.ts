/**
 * Handlers of methods with one request message and one answer.
 *
 * The request is collected within a limit, and the client must half-close after it.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { CallHandler, ServerCall } from "./call.ts";

/**
 * Makes the handler of a unary method. `handle` gets the whole request, as a view if it came in one
 * chunk.
 * @throws {CacheError} (as the call's status) INVALID_REQUEST if there is no message or more than
 *   one, OBJECT_TOO_LARGE if it exceeds `sizeBytesMax`
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

/** Reads the only message of a method that takes exactly one; for handlers with many answers. */
export async function singleRequest(call: ServerCall, sizeBytesMax: number): Promise<Buffer> {
  const message = await call.requests.next();
  if (message === null) throw new CacheError("INVALID_REQUEST", "the call has no message");
  const request = await message.collect(sizeBytesMax, (bytes) => call.collect(bytes));
  if ((await call.requests.next()) !== null) {
    throw new CacheError("INVALID_REQUEST", "the call has more than one message");
  }
  return request;
}
