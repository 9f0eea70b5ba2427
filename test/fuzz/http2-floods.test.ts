/**
 * Peers that send without end what costs them nothing, or take nothing of what they ask for.
 *
 * Each is cut off, or costs a bounded amount of memory; others go on being served meanwhile. The attacks that have a name
 * are in http2-attacks.test.ts.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { GrpcClient } from "../../src/grpc/client.ts";
import { LIMITS } from "../../src/limits.ts";
import { type AttackedServer, http2Peer, type RawPeer, startAttackedServer } from "../support/attack.ts";
import * as h2 from "../support/http2-frames.ts";

const { FRAME, END_HEADERS, END_STREAM } = h2;
const MIB = 1024 * 1024;
const FLOOD = 300_000;
const UNARY = "/test.Echo/Unary";
const HANG = "/test.Echo/Hang";
const PADDED = 8;
const streamOf = (i: number): number => 2 * i + 1;
/** A stream behind those that a test opens. */
const GONE = 1;

let server: AttackedServer;
let rssBefore: number;

beforeAll(async () => {
  server = await startAttackedServer();
  await server.expectUnharmed();
});
afterAll(() => server.stop());
beforeEach(async () => {
  ({ rssBytes: rssBefore } = await server.state());
});

const rssGrowth = async (): Promise<number> => (await server.state()).rssBytes - rssBefore;

/** Somebody else's call is answered now, while the attacker is connected. */
async function expectOthersServed(): Promise<void> {
  const client = new GrpcClient({ host: "127.0.0.1", port: server.plainPort });
  const answer = await client.unary(UNARY, Buffer.from("others"), { timeoutMs: 10_000 });
  expect(answer.toString()).toBe("others");
  await client.close();
}

describe("a flood", () => {
  const hang = h2.callHeaders(3, HANG);
  const gone = Buffer.concat([h2.callHeaders(GONE, HANG), h2.reset(GONE)]);
  it.each<[string, Buffer, (i: number) => Buffer]>([
    [
      "of PRIORITY",
      hang,
      (i) => h2.frame(FRAME.priority, 0, streamOf(i % 1000), Buffer.from([0, 0, 0, 0, 9])),
    ],
    ["of windows of the connection", hang, () => h2.windowUpdate(0, 1)],
    ["of windows of a stream", hang, () => h2.windowUpdate(3, 1)],
    ["of windows of a stream that is gone", gone, () => h2.windowUpdate(GONE, 1)],
    ["of frames of unknown types", hang, (i) => h2.frame(20 + (i % 200), 0, 0)],
    ["of empty DATA", hang, () => h2.frame(FRAME.data, 0, 3)],
    ["of DATA that is padding only", hang, () => h2.frame(FRAME.data, PADDED, 3, Buffer.from([1, 0]))],
    ["of DATA for a stream that is gone", gone, () => h2.frame(FRAME.data, 0, GONE, Buffer.alloc(1))],
    [
      "of trailers for a stream that is gone",
      gone,
      () => h2.frame(FRAME.headers, END_HEADERS | END_STREAM, GONE),
    ],
    ["of RST_STREAM for a stream that is gone", gone, () => h2.reset(GONE)],
    ["of GOAWAY", hang, () => h2.goaway(0)],
    ["of acknowledged SETTINGS", hang, () => h2.frame(FRAME.settings, h2.ACK, 0)],
    ["of acknowledged PINGs", hang, () => h2.frame(FRAME.ping, h2.ACK, 0, Buffer.alloc(8))],
    ["of SETTINGS that move the table", hang, (i) => h2.settings([1, i % 2])],
  ])("%s ends the connection", async (_, before, part) => {
    const peer = await http2Peer(server.plainPort);
    await peer.send(before);
    expect(await peer.flood(FLOOD, part)).toBeLessThan(FLOOD);
    expect(await rssGrowth()).toBeLessThan(64 * MIB);
    await server.expectUnharmed();
  });

  it("of streams over the limit ends the connection", async () => {
    const peer = await http2Peer(server.plainPort);
    const hung = (i: number): Buffer => h2.callHeaders(streamOf(i), HANG);
    const sent = await peer.flood(FLOOD, hung);
    expect(sent).toBeLessThan(FLOOD);
    expect(await rssGrowth()).toBeLessThan(96 * MIB);
    await server.expectUnharmed();
  });

  it("of calls that fail is answered, and costs no memory", async () => {
    const peer = await http2Peer(server.plainPort);
    await peer.flood(5000, (i) => h2.callHeaders(streamOf(i), "/no.such/Method", END_HEADERS | END_STREAM));
    expect(await rssGrowth()).toBeLessThan(64 * MIB);
    peer.socket.destroy();
    await server.expectUnharmed();
  });

  it("on many connections at once does not keep the server from others", async () => {
    const peers: RawPeer[] = [];
    for (let i = 0; i < 20; i++) peers.push(await http2Peer(server.plainPort));
    const floods = peers.map((peer) => peer.flood(20_000, () => h2.frame(FRAME.ping, 0, 0, Buffer.alloc(8))));
    await expectOthersServed();
    for (const sent of await Promise.all(floods)) expect(sent).toBeLessThan(20_000);
    expect(await rssGrowth()).toBeLessThan(64 * MIB);
    await server.expectUnharmed();
  });
});

describe("a peer that never reads", () => {
  /** Connected, settings agreed, and from now on deaf. */
  async function deafPeer(...ours: readonly h2.Setting[]): Promise<RawPeer> {
    const peer = await http2Peer(server.plainPort, ...ours);
    peer.socket.pause();
    return peer;
  }

  it("and asks for answers holds no more than they are, and others are served", async () => {
    const peer = await deafPeer([4, 2 ** 31 - 1]);
    await peer.send(h2.windowUpdate(0, 2 ** 31 - 1 - 65_535));
    const body = Buffer.alloc(16_000);
    const calls = 1000;
    await peer.flood(calls, (i) =>
      Buffer.concat([h2.callHeaders(streamOf(i), UNARY), h2.messageData(streamOf(i), body, END_STREAM)]),
    );
    await expectOthersServed();
    expect(await rssGrowth()).toBeLessThan(128 * MIB);
    peer.socket.destroy();
    await server.expectUnharmed();
  });

  it("and asks for streams of answers holds a few pieces for each", async () => {
    const peer = await deafPeer([4, 2 ** 31 - 1]);
    await peer.send(h2.windowUpdate(0, 2 ** 31 - 1 - 65_535));
    const request = (stream: number): Buffer =>
      h2.frame(
        FRAME.headers,
        END_HEADERS,
        stream,
        h2.headerBlock([[":path", "/test.Echo/ServerStream"], ...h2.CALL_HEADERS, ["x-count", "1000000"]]),
      );
    const body = Buffer.alloc(16_000);
    await peer.flood(100, (i) =>
      Buffer.concat([request(streamOf(i)), h2.messageData(streamOf(i), body, END_STREAM)]),
    );
    await expectOthersServed();
    expect(await rssGrowth()).toBeLessThan(100 * 2 * LIMITS.sendQueueBytesMax);
    peer.socket.destroy();
    await server.expectUnharmed();
  });

  it.each<[string, (i: number) => Buffer]>([
    ["PINGs", () => h2.frame(FRAME.ping, 0, 0, Buffer.alloc(8))],
    ["SETTINGS", () => h2.settings([4, 1])],
    [
      "streams that have to be reset",
      (i) => h2.frame(FRAME.headers, END_HEADERS, streamOf(i), Buffer.from([0x82])),
    ],
  ])("and floods with %s is cut off", async (_, part) => {
    const peer = await deafPeer();
    expect(await peer.flood(FLOOD, part)).toBeLessThan(FLOOD);
    expect(await rssGrowth()).toBeLessThan(64 * MIB);
    peer.socket.destroy();
    await server.expectUnharmed();
  });
});
