/**
 * Calls and connections that stand still, with small times and little memory in place of the real ones.
 *
 * A call that moves nothing is ended after a while, and at once where others wait for its memory. A connection that does not
 * come to its point is closed.
 */
import { connect } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { CallHandler } from "../../../src/grpc/call.ts";
import { singleRequest } from "../../../src/grpc/single-request.ts";
import { selfSignedCertificate } from "../../support/certificate.ts";
import { clientOf, closed, http2Of, serve } from "../../support/grpc-peers.ts";
import { openedPeer, until } from "../../support/http2-dialogue.ts";
import * as h2 from "../../support/http2-frames.ts";

const MIB = 1024 * 1024;
const REQUEST = Buffer.from("request");

vi.mock("../../../src/limits.ts", async (original) => {
  const { LIMITS } = await original<typeof import("../../../src/limits.ts")>();
  return {
    LIMITS: {
      ...LIMITS,
      sweepIntervalMs: 50,
      starvedSweepIntervalMs: 20,
      starvedMs: 20,
      stalledCallMs: 100,
      headerTimeoutMs: 200,
      tlsHandshakeTimeoutMs: 200,
    },
  };
});

/** Answers 64 KiB pieces without end, each read only when there is memory for it. */
const readForever: CallHandler = async (call) => {
  await singleRequest(call, MIB);
  for (;;) {
    const reserved = await call.reserve(64 * 1024);
    const piece = Buffer.alloc(reserved);
    call.release(reserved);
    await call.write([piece]);
  }
};

const collect: CallHandler = async (call) => {
  await call.write([await singleRequest(call, 64 * MIB)]);
};

const patient: CallHandler = async (call) => {
  call.mayIdle();
  await call.requests.next();
};

/** DATA that begins a gRPC message of this size and brings a part of it. */
function begunMessage(stream: number, sizeBytes: number, part: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(sizeBytes, 1);
  const frames = [h2.frame(h2.FRAME.data, 0, stream, prefix)];
  for (let at = 0; at < part.length; at += 16_384) {
    frames.push(h2.frame(h2.FRAME.data, 0, stream, part.subarray(at, at + 16_384)));
  }
  return Buffer.concat(frames);
}

describe("a call on which nothing moves", () => {
  it("ends with DEADLINE_EXCEEDED", async () => {
    const served = await serve({}, { idleCallMs: 150 });
    const failed = clientOf(served).unary("/test.Echo/Hang", REQUEST);
    await expect(failed).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
      message: expect.stringContaining("limits.idle_call"),
    });
  });

  it("goes on when its handler says that it may", async () => {
    const served = await serve({ "/test.Echo/Patient": patient }, { idleCallMs: 60 });
    const peer = await openedPeer(served.port);
    await peer.send(h2.callHeaders(1, "/test.Echo/Patient"));
    await expect(clientOf(served).unary("/test.Echo/Hang", REQUEST)).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
    });
    expect(served.server.openCalls).toBe(1);
    peer.socket.destroy();
  });
});

describe("the memory of calls", () => {
  it("is given back by answers that nobody reads to others that want it", async () => {
    const served = await serve({ "/test.Echo/Endless": readForever }, { callsMemoryBytes: 8 * MIB });
    const unread = await openedPeer(served.port, [4, 0]);
    for (let i = 0; i < 200; i++) {
      await unread.send(
        h2.callHeaders(2 * i + 1, "/test.Echo/Endless"),
        h2.frame(h2.FRAME.data, h2.END_STREAM, 2 * i + 1, Buffer.alloc(5)),
      );
    }
    await vi.waitFor(() => expect(served.server.openCalls).toBeGreaterThan(20));
    const client = clientOf(served);
    for (let i = 0; i < 20; i++) expect(await client.unary("/test.Echo/Unary", REQUEST)).toEqual(REQUEST);
    unread.socket.destroy();
  });

  it("is taken from a request that comes to no end, which is OVERLOADED and told when to come again", async () => {
    const served = await serve({ "/test.Echo/Collect": collect }, { callsMemoryBytes: 8 * MIB });
    const begun = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const peer = await openedPeer(served.port);
        const part = Buffer.alloc(MIB);
        await peer.send(h2.callHeaders(1, "/test.Echo/Collect"), begunMessage(1, 64 * MIB, part));
        return peer;
      }),
    );
    const whole = Buffer.alloc(3 * MIB, 7);
    expect(whole.equals(await clientOf(served).unary("/test.Echo/Collect", whole))).toBe(true);
    const texts = begun.map(({ frames }) => frames.map(({ payload }) => payload.toString("latin1")).join());
    expect(texts.join()).toContain("[OVERLOADED]");
    expect(texts.join()).toContain("grpc-retry-pushback-ms");
    for (const peer of begun) peer.socket.destroy();
  });
});

describe("a connection", () => {
  it("whose header block comes to no end is closed", async () => {
    const peer = await openedPeer((await serve()).port);
    const beginning = h2.callHeaders(1, "/test.Echo/Unary", 0);
    await peer.send(beginning);
    await peer.closed();
    expect(await peer.goodbye()).toBe(11);
  });

  it("whose frame comes byte by byte and to no end is closed", async () => {
    const peer = await openedPeer((await serve()).port);
    const frame = h2.callHeaders(1, "/test.Echo/Unary");
    let sent = 0;
    const speaker = setInterval(() => void peer.send(frame.subarray(sent, ++sent)), 20);
    await peer.closed();
    clearInterval(speaker);
    expect(sent).toBeLessThan(frame.length);
  });

  it("that never begins its TLS handshake is closed", async () => {
    const served = await serve({}, { tls: selfSignedCertificate() });
    const socket = connect(served.port, "127.0.0.1");
    socket.on("error", () => undefined);
    onTestFinished(() => void socket.destroy());
    socket.resume();
    await closed(socket);
    await vi.waitFor(() => expect(served.server.sessions).toBe(0));
  });

  it("stays when an answer waits for its window", async () => {
    const served = await serve({ "/test.Echo/Endless": readForever });
    const session = http2Of(served, { settings: { initialWindowSize: 1024 } });
    const stream = session.request({
      ":method": "POST",
      ":path": "/test.Echo/Endless",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => undefined);
    stream.end(Buffer.alloc(5));
    const answer = await new Promise<Buffer>((resolve) => void stream.once("data", resolve));
    expect(answer.length).toBeLessThanOrEqual(1024);
    expect(session.destroyed).toBe(false);
    stream.close();
    await closed(stream);
  });
});

describe("a header block of several frames", () => {
  it("is refused where there is no memory for it, and its connection closed", async () => {
    const served = await serve({ "/test.Echo/Collect": collect }, { callsMemoryBytes: 8 * MIB });
    const greedy = await Promise.all(
      [0, 1].map(async () => {
        const peer = await openedPeer(served.port);
        await peer.send(
          h2.callHeaders(1, "/test.Echo/Collect"),
          begunMessage(1, 64 * MIB, Buffer.alloc(4 * MIB)),
        );
        return peer;
      }),
    );
    const peer = await openedPeer(served.port);
    const padding = h2.headerBlock([["x-padding", "a".repeat(16_000)]]);
    await peer.send(
      h2.callHeaders(1, "/test.Echo/Unary", 0),
      ...Array.from({ length: 6 }, () => h2.frame(h2.FRAME.continuation, 0, 1, padding)),
    );
    await until(peer, () => false);
    expect(await peer.goodbye()).toBe(11);
    for (const each of greedy) each.socket.destroy();
  });
});
