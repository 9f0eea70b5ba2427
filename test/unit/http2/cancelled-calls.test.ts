/**
 * A client that cancels hundreds of calls at once, as honest ones do.
 *
 * The server judges resets by the time that they cost it, which on a busy machine includes the time of other
 * processes: here all resets count as cheap. What costly ones lead to is in test/hostile.
 */
import { describe, expect, it, vi } from "vitest";
import { serve } from "../../support/grpc-peers.ts";
import { openedPeer, verdictOfNext } from "../../support/http2-dialogue.ts";
import * as h2 from "../../support/http2-frames.ts";

vi.mock("../../../src/limits.ts", async (original) => {
  const { LIMITS } = await original<typeof import("../../../src/limits.ts")>();
  return { LIMITS: { ...LIMITS, resetDebtMsMax: Number.POSITIVE_INFINITY } };
});

describe("a connection", () => {
  it("may cancel hundreds of calls at once", async () => {
    const served = await serve();
    const peer = await openedPeer(served.port);
    const streams = Array.from({ length: 500 }, (_, i) => 2 * i + 1);
    await peer.send(...streams.map((stream) => h2.callHeaders(stream, "/test.Echo/Hang")));
    await peer.send(...streams.map((stream) => h2.reset(stream)));
    expect(await verdictOfNext(peer, 1001)).toBe("ignored");
  });
});
