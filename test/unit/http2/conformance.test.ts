/**
 * What a server makes of frames that RFC 9113 allows, forbids, or says nothing of.
 *
 * The cases stand in test/support/conformance-cases.ts; here are how they are judged, and the beginning of connections.
 */
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { RawPeer } from "../../support/attack.ts";
import { CONFORMANCE_CASES } from "../../support/conformance-cases.ts";
import { serve } from "../../support/grpc-peers.ts";
import {
  boundedPeer,
  dataOf,
  openedPeer,
  until,
  verdictOfNext,
  verdictOn,
} from "../../support/http2-dialogue.ts";
import * as h2 from "../../support/http2-frames.ts";

const { FRAME } = h2;
const UNARY = "/test.Echo/Unary";
const NEXT_STREAM = 101;

const casesThat = (isIgnored: boolean) =>
  CONFORMANCE_CASES.filter(({ verdicts }) => (verdicts[0] === "ignored") === isIgnored);

describe("a server that is sent", () => {
  it.each(casesThat(false))("$section: $title", async ({ send, verdicts }) => {
    const peer = await openedPeer((await serve()).port);
    await peer.send(...send);
    const ways = verdicts.includes("ignored") ? [verdictOfNext(peer, NEXT_STREAM)] : [verdictOn(peer, 1)];
    expect(verdicts).toContain(await Promise.race(ways));
  });

  it.each(casesThat(true))("$section: $title, and goes on", async ({ send, verdicts }) => {
    const peer = await openedPeer((await serve()).port);
    await peer.send(...send);
    expect(verdicts).toContain(await verdictOfNext(peer, NEXT_STREAM));
  });
});

describe("a connection error", () => {
  it("ends the connection, and the calls on it", async () => {
    const { port, server } = await serve();
    const peer = await openedPeer(port);
    await peer.send(h2.callHeaders(1, "/test.Echo/Hang"), h2.callHeaders(3, "/test.Echo/Hang"));
    await peer.send(h2.frame(FRAME.ping, 0, 1, Buffer.alloc(8)));
    await peer.closed();
    expect(await peer.goodbye()).toBe(1);
    expect(server.openCalls).toBe(0);
  });
});

describe("a stream error", () => {
  it("leaves the other streams alone", async () => {
    const peer = await openedPeer((await serve()).port);
    await peer.send(h2.callHeaders(1, "/test.Echo/Hang"), h2.callHeaders(3, UNARY), h2.windowUpdate(1, 0));
    expect(await verdictOn(peer, 1)).toBe("stream PROTOCOL_ERROR");
    await peer.send(h2.messageData(3, Buffer.from("other"), h2.END_STREAM));
    expect(await verdictOn(peer, 3)).toBe("answered");
  });
});

describe("SETTINGS and PING", () => {
  it("are acknowledged once each, PING with its own bytes", async () => {
    const peer = await openedPeer((await serve()).port);
    const payload = Buffer.from("12345678");
    await peer.send(h2.settings([4, 1000]), h2.frame(FRAME.ping, 0, 0, payload));
    expect(await verdictOfNext(peer, 1)).toBe("ignored");
    const acknowledged = peer.frames.filter(({ flags, stream }) => flags === h2.ACK && stream === 0);
    const ofType = (type: number) => acknowledged.filter((each) => each.type === type);
    expect(ofType(FRAME.settings)).toHaveLength(2);
    expect(ofType(FRAME.ping)).toEqual([expect.objectContaining({ payload })]);
  });
});

describe("the beginning of a connection", () => {
  const settings = h2.settings();
  it.each([
    ["HTTP/1.1", Buffer.from("POST / HTTP/1.1\r\nhost: x\r\n\r\n\r\n")],
    ["a preface with a mistake", Buffer.concat([h2.PREFACE.subarray(0, 23), Buffer.from("x"), settings])],
    ["PING before SETTINGS", Buffer.concat([h2.PREFACE, h2.frame(FRAME.ping, 0, 0, Buffer.alloc(8))])],
    ["HEADERS before SETTINGS", Buffer.concat([h2.PREFACE, h2.callHeaders(1, UNARY)])],
    ["DATA before SETTINGS", Buffer.concat([h2.PREFACE, h2.frame(FRAME.data, 0, 1)])],
    ["an acknowledgement before SETTINGS", Buffer.concat([h2.PREFACE, h2.frame(FRAME.settings, h2.ACK, 0)])],
  ])("that is %s ends it", async (_, bytes) => {
    const peer = boundedPeer((await serve()).port);
    await peer.send(bytes);
    await peer.closed();
    expect(["closed", "connection PROTOCOL_ERROR"]).toContain(await verdictOn(peer, 1));
  });

  it("may be one packet with the first call", async () => {
    const peer = boundedPeer((await serve()).port);
    const message = h2.messageData(1, Buffer.from("at once"), h2.END_STREAM);
    await peer.send(h2.PREFACE, settings, h2.callHeaders(1, UNARY), message);
    expect(await verdictOn(peer, 1)).toBe("answered");
  });

  it("has settings of the server, which come first", async () => {
    const peer = boundedPeer((await serve()).port);
    await peer.send(h2.PREFACE, settings);
    await until(peer, () => peer.frames.length > 0);
    expect(peer.frames[0]).toMatchObject({ type: FRAME.settings, flags: 0, stream: 0 });
  });
});

/** Sends the parts as packets of their own, as far as this process can see to it. */
async function sendApart(peer: RawPeer, parts: Iterable<Uint8Array>): Promise<void> {
  for (const part of parts) {
    await peer.send(part);
    await setImmediate();
    await setImmediate();
  }
}

describe("bytes that come in pieces", () => {
  const block = h2.headerBlock([[":path", UNARY], ...h2.CALL_HEADERS]);
  const padding = Buffer.concat([
    Buffer.from([3]),
    h2.messageData(1, Buffer.from("abcdef")).subarray(9),
    Buffer.alloc(3),
  ]);
  const conversation = Buffer.concat([
    h2.PREFACE,
    h2.settings([4, 100_000]),
    h2.frame(FRAME.settings, h2.ACK, 0),
    h2.frame(FRAME.headers, 0, 1, block.subarray(0, 40)),
    h2.frame(FRAME.continuation, h2.END_HEADERS, 1, block.subarray(40)),
    h2.frame(200, 0, 0, Buffer.alloc(5)),
    h2.windowUpdate(0, 1000),
    h2.frame(FRAME.data, 8, 1, padding),
    h2.frame(FRAME.data, h2.END_STREAM, 1),
  ]);
  const answer = h2.messageData(1, Buffer.from("abcdef")).subarray(9);

  it("may be single bytes", async () => {
    const peer = boundedPeer((await serve()).port);
    await sendApart(
      peer,
      Array.from(conversation, (byte) => Buffer.from([byte])),
    );
    expect(await verdictOn(peer, 1)).toBe("answered");
    expect(dataOf(peer, 1)).toEqual(answer);
  });

  it("may be cut at any place", async () => {
    const { port } = await serve();
    for (let cut = 1; cut < conversation.length; cut++) {
      const peer = boundedPeer(port);
      await sendApart(peer, [conversation.subarray(0, cut), conversation.subarray(cut)]);
      expect(await verdictOn(peer, 1)).toBe("answered");
      expect(dataOf(peer, 1)).toEqual(answer);
      peer.socket.destroy();
    }
  });

  it("may end at any place, and nothing is left", async () => {
    const { port, server } = await serve();
    for (let cut = 1; cut < conversation.length; cut += 3) {
      const peer = boundedPeer(port);
      peer.socket.end(conversation.subarray(0, cut));
      await peer.closed();
    }
    const client = await openedPeer(port);
    expect(await verdictOfNext(client, 1)).toBe("ignored");
    expect(server.openCalls).toBe(0);
  });
});
