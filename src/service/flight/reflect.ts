/**
 * The method ServerReflectionInfo: answers each request of the stream in order.
 *
 * Callers are not identified: the answers contain only the protocol, which is public, and tools ask
 * for it before they send credentials. A stream ends with an error after
 * LIMITS.reflectionRequestsMax requests. A peer that does not read is not read from.
 */
import { CacheError } from "../../errors.ts";
import { answerReflection } from "../../flight/reflection.ts";
import type { ServerCall } from "../../grpc/call.ts";
import { LIMITS } from "../../limits.ts";
import { turnIfDue } from "../../turns.ts";

export async function reflect(_context: unknown, call: ServerCall): Promise<void> {
  for (let count = 0; ; count += 1) {
    const message = await call.requests.next();
    if (message === null) return;
    if (count === LIMITS.reflectionRequestsMax) {
      throw new CacheError("INVALID_REQUEST", `more than ${count} requests in one call`);
    }
    const request = await message.collect(LIMITS.reflectionRequestBytesMax);
    await call.write([answerReflection(request)]);
    const turn = turnIfDue();
    if (turn !== undefined) await turn;
  }
}
