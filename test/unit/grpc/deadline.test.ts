/**
 * A deadline that passed ends a call with DEADLINE_EXCEEDED, also when the other side's reset is met before the own timer.
 *
 * Nothing waits for a time: the clock is told to be late, and the timers stay where they are.
 */
import { EventEmitter, once } from "node:events";
import { constants, createServer as createHttp2, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { GrpcClient } from "../../../src/grpc/client.ts";
import { LIMITS } from "../../../src/limits.ts";
import { hang } from "../../support/echo-methods.ts";
import { serve } from "../../support/grpc-peers.ts";
import { openedPeer } from "../../support/http2-dialogue.ts";
import * as h2 from "../../support/http2-frames.ts";

const TIMEOUT_MS = 60_000;

/** Lets the clock jump ahead for the rest of the test; timers do not hear of it. */
function jump(milliseconds: number): void {
  const now = performance.now.bind(performance);
  const spy = vi.spyOn(performance, "now").mockImplementation(() => now() + milliseconds);
  onTestFinished(() => spy.mockRestore());
}

const JUMPS: readonly (readonly [string, number, string])[] = [
  ["behind the deadline", TIMEOUT_MS, "DEADLINE_EXCEEDED"],
  ["just before it, as clocks differ", TIMEOUT_MS - LIMITS.deadlineSkewMs, "DEADLINE_EXCEEDED"],
  ["long before it", TIMEOUT_MS / 2, "CANCELLED"],
];

describe("a call of the server whose client resets it", () => {
  it.each(JUMPS)("%s ends after %d ms with %s", async (_, passedMs, code) => {
    const events = new EventEmitter();
    const begun = once(events, "begun");
    const outcome = once(events, "outcome");
    const { port } = await serve({
      "/test.Echo/Watched": async (call) => {
        events.emit("begun");
        await hang(call).catch((reason: unknown) => events.emit("outcome", reason));
        call.throwIfOver();
      },
    });
    const peer = await openedPeer(port);
    const block = h2.headerBlock([
      [":path", "/test.Echo/Watched"],
      ...h2.CALL_HEADERS,
      ["grpc-timeout", `${TIMEOUT_MS}m`],
    ]);
    await peer.send(h2.frame(h2.FRAME.headers, h2.END_HEADERS, 1, block));
    await begun;
    jump(passedMs);
    await peer.send(h2.reset(1));
    expect(await outcome).toMatchObject([{ code }]);
  });
});

describe("a call of the client whose server resets it", () => {
  const resetBy = async (resetCode: number, passedMs: number): Promise<unknown> => {
    const server = createHttp2();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const client = new GrpcClient({ host: "127.0.0.1", port });
    onTestFinished(() => client.close());
    const stream = once(server, "stream");
    const failed = client.unary("/test.Echo/Unary", Buffer.alloc(1), { timeoutMs: TIMEOUT_MS });
    const outcome = failed.catch((error: unknown) => error);
    const [opened] = (await stream) as [ServerHttp2Stream];
    opened.on("error", () => undefined);
    jump(passedMs);
    opened.close(resetCode);
    return await outcome;
  };

  it.each(JUMPS)("%s with CANCEL fails after %d ms with %s", async (_, passedMs, status) => {
    expect(await resetBy(constants.NGHTTP2_CANCEL, passedMs)).toMatchObject({ status });
  });

  it("behind the deadline for another reason is told that reason", async () => {
    expect(await resetBy(constants.NGHTTP2_REFUSED_STREAM, TIMEOUT_MS)).toMatchObject({
      status: "UNAVAILABLE",
    });
  });
});
