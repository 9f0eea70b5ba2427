/** Handlers of methods with one request message and one answer, for servers of tests. */
import type { CallHandler, ServerCall } from "../../src/grpc/call.ts";
import { singleRequest } from "../../src/grpc/single-request.ts";
import { LIMITS } from "../../src/limits.ts";

/** `handle` gets the whole request. */
export function unary(
  handle: (request: Buffer, call: ServerCall) => Promise<Uint8Array>,
  sizeBytesMax: number = LIMITS.requestBytesMax,
): CallHandler {
  return async (call) => {
    const request = await singleRequest(call, sizeBytesMax);
    await call.write([await handle(request, call)]);
  };
}
