/**
 * Known attacks on HTTP/2 servers, against ours in a process of its own.
 *
 * After each one the server still answers another client, its memory has stayed within bounds, and nothing of the
 * attacker is left. CVE numbers name the attack, not a bug of ours.
 */
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { LIMITS } from "../../src/limits.ts";
import { type AttackedServer, http2Peer, RawPeer, rawPeer, startAttackedServer } from "../support/attack.ts";
import * as h2 from "../support/http2-frames.ts";

const { FRAME } = h2;
const MIB = 1024 * 1024;
const ENHANCE_YOUR_CALM = 11;
const UNARY = "/test.Echo/Unary";
const HANG = "/test.Echo/Hang";
const streamOf = (i: number): number => 2 * i + 1;

let server: AttackedServer;
let rssBefore: number;
let startedBefore: number;

beforeAll(async () => {
  server = await startAttackedServer();
  await server.expectUnharmed();
});
afterAll(() => server.stop());

beforeEach(async () => {
  ({ rssBytes: rssBefore, started: startedBefore } = await server.state());
});

const rssGrowth = async (): Promise<number> => (await server.state()).rssBytes - rssBefore;
const startedSince = async (): Promise<number> => (await server.state()).started - startedBefore;

describe("streams opened to be reset", () => {
  it("end the connection, and few of their handlers run (rapid reset, CVE-2023-44487)", async () => {
    const peer = await http2Peer(server.plainPort);
    const sent = await peer.flood(50_000, (i) =>
      Buffer.concat([h2.callHeaders(streamOf(i), HANG), h2.reset(streamOf(i))]),
    );
    expect(sent).toBeLessThan(50_000);
    expect(await startedSince()).toBeLessThan(5000);
    await server.expectUnharmed();
  });

  it.each([
    [
      "resets",
      LIMITS.resetsPerSecondMax,
      (i: number) => Buffer.concat([h2.callHeaders(streamOf(i), HANG), h2.reset(streamOf(i))]),
    ],
    ["PINGs", LIMITS.pingsPerSecondMax, () => h2.frame(FRAME.ping, 0, 0, Buffer.alloc(8))],
    ["SETTINGS", LIMITS.settingsPerSecondMax, () => h2.settings()],
  ])("and other floods are answered with ENHANCE_YOUR_CALM: %s", async (_, allowed, part) => {
    const peer = await http2Peer(server.plainPort);
    // No more than that: behind what is still on its way, TCP would drop the answer.
    await peer.send(...Array.from({ length: allowed + 100 }, (_unused, i) => part(i)));
    expect(await peer.goodbye()).toBe(ENHANCE_YOUR_CALM);
    await peer.closed();
    await server.expectUnharmed();
  });

  it("end the connection when the server is made to reset them", async () => {
    const peer = await http2Peer(server.plainPort);
    const sent = await peer.flood(50_000, (i) =>
      Buffer.concat([h2.callHeaders(streamOf(i), HANG), h2.windowUpdate(streamOf(i), 0)]),
    );
    expect(sent).toBeLessThan(50_000);
    await server.expectUnharmed();
  });

  it("end the connection when they are malformed (reset flood, CVE-2019-9514)", async () => {
    const peer = await http2Peer(server.plainPort);
    const block = h2.headerBlock([...h2.CALL_HEADERS, ["Upper-Case", "x"]]);
    const sent = await peer.flood(50_000, (i) => h2.frame(FRAME.headers, h2.END_HEADERS, streamOf(i), block));
    expect(sent).toBeLessThan(50_000);
    await server.expectUnharmed();
  });

  it("do not end the connection at a rate a client may have", async () => {
    const peer = await http2Peer(server.plainPort);
    await peer.flood(100, (i) => Buffer.concat([h2.callHeaders(streamOf(i), HANG), h2.reset(streamOf(i))]));
    await peer.send(h2.callHeaders(9999, UNARY), h2.messageData(9999, Buffer.alloc(3), h2.END_STREAM));
    expect((await peer.frame(FRAME.data)).payload).toHaveLength(8);
    peer.socket.destroy();
    await server.expectUnharmed();
  });
});

describe("headers without end", () => {
  const first = h2.frame(FRAME.headers, 0, 1, h2.headerBlock([...h2.CALL_HEADERS, [":path", HANG]]));
  const more = h2.frame(FRAME.continuation, 0, 1, h2.headerBlock([["x-more", "y".repeat(8000)]]));

  it("end the connection (CONTINUATION flood)", async () => {
    const peer = await http2Peer(server.plainPort);
    await peer.send(first);
    expect(await peer.flood(100_000, () => more)).toBeLessThan(100_000);
    expect(await rssGrowth()).toBeLessThan(64 * MIB);
    await server.expectUnharmed();
  });

  it("end the connection also when each is empty", async () => {
    const peer = await http2Peer(server.plainPort);
    await peer.send(first);
    expect(await peer.flood(2_000_000, () => h2.frame(FRAME.continuation, 0, 1))).toBeLessThan(2_000_000);
    await server.expectUnharmed();
  });

  it("leave nothing behind when the connection breaks among them (CVE-2024-27983)", async () => {
    for (let i = 0; i < 200; i++) {
      const peer = rawPeer(server.plainPort);
      await peer.send(h2.PREFACE, h2.settings(), first, more, more);
      peer.socket.resetAndDestroy();
      await peer.closed();
    }
    await server.expectUnharmed();
  });

  it("cannot blow up a small block (HPACK bomb)", async () => {
    const peer = await http2Peer(server.plainPort);
    // One field of 4,000 bytes goes into the dynamic table (index 62), then 12,000 references to it of a byte each.
    const literal = h2.headerBlock([["x-large", "x".repeat(3900)]]);
    literal[0] = 0x40;
    const block = Buffer.concat([h2.headerBlock(h2.CALL_HEADERS), literal, Buffer.alloc(12_000, 0x80 | 62)]);
    await peer.flood(100, (i) => h2.frame(FRAME.headers, h2.END_HEADERS, streamOf(i), block));
    expect(await startedSince()).toBe(0);
    expect(await rssGrowth()).toBeLessThan(128 * MIB);
    peer.socket.destroy();
    await server.expectUnharmed();
  });

  it("of no name and no value are bounded (header leak, CVE-2019-9516)", async () => {
    const peer = await http2Peer(server.plainPort);
    const block = Buffer.concat([h2.headerBlock(h2.CALL_HEADERS), Buffer.alloc(15_000)]);
    await peer.flood(400, (i) => h2.frame(FRAME.headers, h2.END_HEADERS, streamOf(i), block));
    expect(await startedSince()).toBe(0);
    expect(await rssGrowth()).toBeLessThan(128 * MIB);
    peer.socket.destroy();
    await server.expectUnharmed();
  });
});

describe("protocols that are not HTTP/2", () => {
  it.each([
    ["HTTP/1.1", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["TLS on the plain port", Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3])],
    ["nonsense", Buffer.alloc(100_000, "nonsense")],
    ["half a preface and an end", h2.PREFACE.subarray(0, 10)],
  ])("leave nothing behind: %s", async (_, bytes) => {
    for (let i = 0; i < 50; i++) {
      const peer = rawPeer(server.plainPort);
      peer.socket.end(bytes);
      await peer.closed();
    }
    await server.expectUnharmed();
  });

  it("leave nothing behind inside TLS (unknown protocol, CVE-2021-22883)", async () => {
    for (let i = 0; i < 50; i++) {
      const socket = connectTls({ port: server.securePort, host: "127.0.0.1", rejectUnauthorized: false });
      onTestFinished(() => void socket.destroy());
      const peer = new RawPeer(socket);
      peer.socket.write("GET / HTTP/1.1\r\n\r\n");
      await peer.closed();
    }
    await server.expectUnharmed();
  });
});

describe("floods of frames that cost nothing", () => {
  it.each([
    ["PING (CVE-2019-9512)", h2.frame(FRAME.ping, 0, 0, Buffer.alloc(8))],
    ["SETTINGS (CVE-2019-9515)", h2.settings()],
    ["SETTINGS that move the window", Buffer.concat([h2.settings([4, 0]), h2.settings([4, 65_535])])],
  ])("end the connection: %s", async (_, part) => {
    const peer = await http2Peer(server.plainPort);
    expect(await peer.flood(100_000, () => part)).toBeLessThan(100_000);
    expect(await rssGrowth()).toBeLessThan(64 * MIB);
    await server.expectUnharmed();
  });

  it("end the connection: empty DATA (CVE-2019-9518)", async () => {
    const peer = await http2Peer(server.plainPort);
    await peer.send(h2.callHeaders(1, HANG));
    expect(await peer.flood(2_000_000, () => h2.frame(FRAME.data, 0, 1))).toBeLessThan(2_000_000);
    await server.expectUnharmed();
  });

  it.each([
    [
      "PRIORITY (resource loop, CVE-2019-9513)",
      (i: number) => h2.frame(FRAME.priority, 0, streamOf(i % 500), Buffer.from([0, 0, 0, 0, i % 256])),
    ],
    ["WINDOW_UPDATE", (i: number) => h2.windowUpdate(0, 1 + (i % 2))],
    ["frames of unknown types", () => h2.frame(200, 0, 0, Buffer.alloc(10))],
  ])("do not keep the server from others: %s", async (_, part) => {
    const peer = await http2Peer(server.plainPort);
    await peer.flood(100_000, part);
    expect(await rssGrowth()).toBeLessThan(64 * MIB);
    peer.socket.destroy();
    await server.expectUnharmed();
  });
});

describe("abuse of windows", () => {
  it("by more than a window can be ends the connection", async () => {
    const peer = await http2Peer(server.plainPort);
    await peer.send(h2.windowUpdate(0, 2 ** 31 - 1), h2.windowUpdate(0, 2 ** 31 - 1));
    await peer.closed();
    await server.expectUnharmed();
  });

  it("by sending more than ours allows ends the call, and nothing of it is kept", async () => {
    const peer = await http2Peer(server.plainPort);
    await peer.send(h2.callHeaders(1, HANG));
    await peer.flood(4000, () => h2.frame(FRAME.data, 0, 1, Buffer.alloc(16_384)));
    await vi.waitFor(async () => expect(await server.state()).toMatchObject({ openCalls: 0 }));
    expect(await rssGrowth()).toBeLessThan(64 * MIB);
    peer.socket.destroy();
    await server.expectUnharmed();
  });

  it("by frames of one byte that nobody reads costs little more than their bytes", async () => {
    const peer = await http2Peer(server.plainPort);
    const streams = 2;
    const data = Array.from({ length: streams }, (_, i) =>
      h2.frame(FRAME.data, 0, streamOf(i), Buffer.alloc(1)),
    );
    for (let i = 0; i < streams; i++) await peer.send(h2.callHeaders(streamOf(i), HANG));
    await peer.flood(0.45 * streams * LIMITS.streamWindowBytes, (i) => data[i % streams]!);
    expect(await rssGrowth()).toBeLessThan(48 * MIB);
    peer.socket.destroy();
    await server.expectUnharmed();
  });

  it("by asking for much and taking nothing holds no more than a few pieces per call", async () => {
    const peer = await http2Peer(server.plainPort, [4, 0]);
    const path = "/test.Echo/Bidi";
    const message = Buffer.alloc(16_000);
    for (let i = 0; i < 50; i++) {
      await peer.send(h2.callHeaders(streamOf(i), path));
      for (let k = 0; k < 60; k++) await peer.send(h2.messageData(streamOf(i), message));
    }
    expect(await rssGrowth()).toBeLessThan(160 * MIB);
    peer.socket.destroy();
    await server.expectUnharmed();
  });

  it("by taking a large answer one byte at a time does not keep the server from others (CVE-2019-9511)", async () => {
    const peer = await http2Peer(server.plainPort, [4, 1]);
    await peer.send(h2.callHeaders(1, UNARY), h2.messageData(1, Buffer.alloc(16_000), h2.END_STREAM));
    await peer.flood(5000, () => h2.windowUpdate(1, 1));
    peer.socket.destroy();
    await server.expectUnharmed();
  });
});

describe("ends in the middle of work", () => {
  it.each([0, 1, 2, 8, 11])("leave nothing behind: GOAWAY with code %d and calls open", async (code) => {
    const peer = await http2Peer(server.plainPort, [4, 0]);
    for (let i = 0; i < 200; i++) {
      await peer.send(
        h2.callHeaders(streamOf(i), UNARY),
        h2.messageData(streamOf(i), Buffer.alloc(1000), h2.END_STREAM),
      );
      await peer.send(h2.callHeaders(streamOf(10_000 + i), HANG));
    }
    await peer.send(h2.goaway(code));
    peer.socket.end();
    await server.expectUnharmed();
  });

  it("leave nothing behind: a broken connection in the middle of many uploads", async () => {
    const peer = await http2Peer(server.plainPort);
    const head = Buffer.from([0, 0xff, 0xff, 0xff, 0xff]);
    for (let i = 0; i < 100; i++) {
      await peer.send(
        h2.callHeaders(streamOf(i), "/test.Echo/ClientStream"),
        h2.frame(FRAME.data, 0, streamOf(i), head),
      );
    }
    peer.socket.resetAndDestroy();
    await server.expectUnharmed();
  });
});
