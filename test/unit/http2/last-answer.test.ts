/**
 * Which answers keep the event loop awake: those after which a connection has no call.
 */
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { THREAD_POLL } from "../../../src/busy-poll.ts";
import { serve } from "../../support/grpc-peers.ts";
import { isAnswered, openedPeer, until, verdictOfNext } from "../../support/http2-dialogue.ts";
import * as h2 from "../../support/http2-frames.ts";

const UNARY = "/test.Echo/Unary";
const HANG = "/test.Echo/Hang";

function unaryCall(stream: number): Buffer {
  return Buffer.concat([
    h2.callHeaders(stream, UNARY),
    h2.messageData(stream, Buffer.from("x"), h2.END_STREAM),
  ]);
}

describe("a connection", () => {
  it("waits for the next request after the answer of its last call, not beside other calls", async () => {
    const served = await serve();
    const peer = await openedPeer(served.port);
    const answered = vi.spyOn(THREAD_POLL, "answered");
    const arrived = vi.spyOn(THREAD_POLL, "arrived");
    onTestFinished(() => void vi.restoreAllMocks());
    await peer.send(h2.callHeaders(1, HANG));
    // The server has forgotten the first of both when the second is answered.
    for (const stream of [3, 5]) {
      await peer.send(unaryCall(stream));
      await until(peer, () => isAnswered(peer, stream));
    }
    expect(answered).not.toHaveBeenCalled();
    await peer.send(h2.reset(1));
    expect(await verdictOfNext(peer, 7)).toBe("ignored");
    expect(answered).toHaveBeenCalled();
    expect(arrived).toHaveBeenCalled();
  });
});
