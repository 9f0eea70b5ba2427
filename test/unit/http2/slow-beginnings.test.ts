/**
 * Connections that never come to speak HTTP/2, with small times in place of the real ones.
 *
 * They are closed at a fixed time after they were made: a byte now and then does not keep them.
 */
import { describe, expect, it, vi } from "vitest";
import { rawPeer } from "../../support/attack.ts";
import { serve } from "../../support/grpc-peers.ts";
import { openedPeer, verdictOfNext } from "../../support/http2-dialogue.ts";
import * as h2 from "../../support/http2-frames.ts";

vi.mock("../../../src/limits.ts", async (original) => {
  const { LIMITS } = await original<typeof import("../../../src/limits.ts")>();
  return { LIMITS: { ...LIMITS, prefaceTimeoutMs: 300, keepaliveIntervalMs: 300, keepaliveTimeoutMs: 100 } };
});

describe("a connection", () => {
  it.each([
    ["says nothing", Buffer.alloc(0)],
    ["says a byte", h2.PREFACE.subarray(0, 1)],
    ["says all but the last byte of a preface", h2.PREFACE.subarray(0, 23)],
    ["says a preface and no more", h2.PREFACE],
    ["says a preface and half a frame", Buffer.concat([h2.PREFACE, h2.settings([4, 1]).subarray(0, 12)])],
  ])("that %s is closed, and nothing is left", async (_, bytes) => {
    const { port, server } = await serve();
    const peer = rawPeer(port);
    await peer.send(bytes);
    await peer.closed();
    await vi.waitFor(() => expect(server.sessions).toBe(0));
  });

  it("that says its preface a byte at a time is closed", async () => {
    const { port, server } = await serve();
    const peer = rawPeer(port);
    let said = 0;
    const speaker = setInterval(() => void peer.send(h2.PREFACE.subarray(said, ++said)), 50);
    await peer.closed();
    clearInterval(speaker);
    expect(said).toBeLessThan(h2.PREFACE.length);
    await vi.waitFor(() => expect(server.sessions).toBe(0));
  });

  it("that answers the PING of the server lives on", async () => {
    const peer = await openedPeer((await serve()).port);
    for (let asked = 0; asked < 3; asked++) {
      const pings = () => peer.frames.filter(({ type, flags }) => type === h2.FRAME.ping && flags === 0);
      await vi.waitFor(() => expect(pings()).toHaveLength(asked + 1), { timeout: 5000 });
      await peer.send(h2.frame(h2.FRAME.ping, h2.ACK, 0, pings()[asked]!.payload));
    }
    expect(await verdictOfNext(peer, 1)).toBe("ignored");
  });
});
