/**
 * Streams between a thread that has connections and the thread of the calls, with small bounds in place of the real ones.
 */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import { PeerStream, pattern, REQUEST, RelayPair } from "./relay-pair.ts";

vi.mock("../../../src/limits.ts", async (original) => {
  const { LIMITS } = await original<typeof import("../../../src/limits.ts")>();
  return {
    LIMITS: {
      ...LIMITS,
      ...{ relayWindowBytes: 1000, relayMessageBytesMax: 600 },
      ...{ relayedHeaderBlocksMax: 4, relayedCertificatesMax: 2 },
    },
  };
});

const PEER_WINDOW_BYTES = 500;

async function opened() {
  const pair = new RelayPair();
  const peer = new PeerStream(PEER_WINDOW_BYTES);
  pair.open(peer);
  await pair.deliverAll();
  return { pair, peer, stream: pair.opened[0]!, call: pair.heard[0]! };
}

describe("a relayed stream", () => {
  it("is the same request on both sides", async () => {
    const { stream } = await opened();
    expect(stream.request).toEqual(REQUEST);
    expect(stream.peer).toBe("ipv4:127.0.0.1:5123");
    expect(stream.isFromThisHost).toBe(true);
  });

  it("has the client certificate of its connection, whose texts cross once", async () => {
    const pair = new RelayPair();
    const certificate = { commonName: "worker-7", alternativeNames: ["DNS:a, DNS:b", "URI:spiffe://c"] };
    for (let i = 0; i < 3; i++) pair.open(new PeerStream(PEER_WINDOW_BYTES), certificate);
    await pair.turn();
    expect(pair.crossingTexts.filter((text) => text === "worker-7")).toHaveLength(1);
    await pair.deliverAll();
    expect(pair.certificates).toEqual([certificate, certificate, certificate]);
    expect(pair.certificates[1]).toBe(pair.certificates[0]);
  });

  it("has no certificate that its connection has not, and the right one of more than are kept", async () => {
    const pair = new RelayPair();
    const certificates = [0, 1, 2, 3, 4].map((i) => ({
      commonName: i === 3 ? undefined : `worker-${i}`,
      alternativeNames: i === 4 ? [] : [`DNS:${i}`],
    }));
    const connections = [0, undefined, 1, 2, 0, undefined, 3, 4, 3, 0, undefined].map(
      (i) => certificates[i ?? -1],
    );
    for (const each of connections) {
      pair.open(new PeerStream(PEER_WINDOW_BYTES), each);
      await pair.deliverAll();
    }
    expect(pair.certificates).toEqual(connections);
  });

  it("carries a call there and back, and is forgotten on both sides when its answer is sent", async () => {
    const { pair, peer, stream, call } = await opened();
    peer.send(100);
    peer.halfClose();
    await pair.deliverAll();
    expect(Buffer.concat(call.chunks)).toEqual(pattern(0, 100));
    expect(call.ends).toBe(1);
    stream.sendHeaders(Buffer.from("head"), { endStream: false });
    stream.write(pattern(0, 50));
    stream.end(Buffer.from("tail"));
    await pair.deliverAll();
    expect([peer.head, Buffer.concat(peer.written), peer.tail]).toEqual(["head", pattern(0, 50), "tail"]);
    expect(call.gones).toEqual([]);
    peer.sendSome();
    peer.sendSome();
    await pair.deliverAll();
    expect(call.gones).toEqual([false]);
    expect([pair.connections.size, pair.calls.size]).toEqual([0, 0]);
  });

  it("tells a writer of bytes that were sent, not of those that crossed", async () => {
    const { pair, peer, stream } = await opened();
    const sent = vi.fn();
    stream.write(pattern(0, 70), sent);
    await pair.deliverAll();
    expect(sent).not.toHaveBeenCalled();
    expect(stream.writableLength).toBe(70);
    peer.sendSome();
    await pair.deliverAll();
    expect(sent).toHaveBeenCalledOnce();
    expect(stream.writableLength).toBe(0);
  });

  it("holds no more of a request than its bound for a call that reads nothing", async () => {
    const { pair, peer, stream, call } = await opened();
    stream.pause();
    for (let i = 0; i < 100; i++) {
      peer.send(90);
      await pair.deliverAll();
    }
    const bound = LIMITS.relayWindowBytes + 90 + PEER_WINDOW_BYTES;
    expect(peer.isPaused).toBe(true);
    expect(call.gotBytes).toBeGreaterThan(LIMITS.relayWindowBytes);
    expect(call.gotBytes).toBeLessThanOrEqual(bound);
    stream.resume();
    await pair.deliverAll();
    expect(peer.isPaused).toBe(false);
  });

  it("is cut on the side of the calls when its thread dies, and hears it once", async () => {
    const { pair, peer, stream, call } = await opened();
    stream.write(pattern(0, 10));
    peer.send(10);
    pair.calls.cutAll();
    await pair.deliverAll();
    expect(call.gones).toEqual([true]);
    expect(call.gotBytes).toBe(0);
    expect(pair.calls.size).toBe(0);
  });

  it("tells the connection how many messages it carries", async () => {
    const pair = new RelayPair();
    pair.open(new PeerStream(PEER_WINDOW_BYTES));
    await pair.deliverAll();
    const stream = pair.opened[0] as unknown as { countMessage(): void; write(view: Uint8Array): void };
    stream.countMessage();
    stream.write(pattern(0, 1));
    stream.countMessage();
    stream.countMessage();
    stream.write(pattern(1, 1));
    await pair.deliverAll();
    expect(pair.countedMessages).toBe(3);
  });
});

describe("requests", () => {
  const named = (name: string, sizeBytes = 100) => ({
    fields: new Map([["x-name", name]]),
    sizeBytes,
    isFull: false,
    malformed: undefined,
  });

  it("that come again cross once, and are the same on the other side", async () => {
    const pair = new RelayPair();
    const again = named("again");
    for (let i = 0; i < 3; i++) pair.open(new PeerStream(PEER_WINDOW_BYTES, again));
    await pair.turn();
    expect(pair.crossingTexts.filter((text) => text === "again")).toHaveLength(1);
    await pair.deliverAll();
    expect(pair.opened.map(({ request }) => request)).toEqual([again, again, again]);
  });

  it("are not mixed up when there are more than are kept, and large ones among them", async () => {
    const pair = new RelayPair();
    const blocks = Array.from({ length: 9 }, (_, i) => named(`${i}`, i % 4 === 0 ? 10_000 : 100));
    const opened = [...blocks, ...blocks.toReversed(), ...blocks.slice(7), ...blocks.slice(7), ...blocks];
    for (const [i, block] of opened.entries()) {
      pair.open(new PeerStream(PEER_WINDOW_BYTES, block));
      if (i % 5 === 0) await pair.deliverAll();
    }
    await pair.deliverAll();
    expect(pair.opened.map(({ request }) => request)).toEqual(opened);
  });
});

/** What may happen at any moment, and how often: ends are rare, so that much happens before them. */
const EVENTS = {
  send: 8,
  halfClose: 1,
  cut: 1,
  osSends: 8,
  pause: 3,
  resume: 3,
  write: 8,
  finish: 1,
  reset: 1,
  turn: 10,
  toCalls: 10,
  toConnections: 10,
} as const;
type Event = keyof typeof EVENTS;

describe("whatever happens in whatever order", () => {
  it("bytes arrive once and in order, bounds are kept, and each side hears of one end", async () => {
    const weights = Object.entries(EVENTS) as [Event, number][];
    const event = fc.oneof(...weights.map(([name, weight]) => ({ weight, arbitrary: fc.constant(name) })));
    const step = fc.tuple(event, fc.integer({ min: 1, max: 400 }));
    const property = fc.asyncProperty(fc.array(step, { maxLength: 200, size: "max" }), async (steps) => {
      const { pair, peer, stream, call } = await opened();
      let wrote = 0;
      let writes = 0;
      let isFinished = false;
      const sentInOrder: number[] = [];
      const does: Record<Event, (amount: number) => unknown> = {
        send: (amount) => peer.send(amount),
        halfClose: () => peer.halfClose(),
        cut: () => peer.cut(),
        osSends: () => peer.sendSome(),
        pause: () => stream.pause(),
        resume: () => stream.resume(),
        write: (amount) => {
          if (isFinished || call.gones.length > 0) return;
          const end = wrote + amount;
          stream.write(pattern(wrote, amount), () => sentInOrder.push(end));
          wrote = end;
          writes += 1;
        },
        finish: () => {
          if (!isFinished) stream.end(Buffer.from("tail"));
          isFinished = true;
        },
        reset: () => stream.reset("CANCEL"),
        turn: () => pair.turn(),
        toCalls: () => pair.deliverToCalls(),
        toConnections: () => pair.deliverToConnections(),
      };
      for (const [name, amount] of steps) {
        await does[name](amount);
        const heldBytes = peer.sentRequestBytes - call.gotBytes;
        expect(heldBytes).toBeLessThanOrEqual(LIMITS.relayWindowBytes + 400 + PEER_WINDOW_BYTES);
        expect(stream.writableLength).toBeGreaterThanOrEqual(0);
      }
      stream.resume();
      await pair.deliverAll();
      expect(Buffer.concat(call.chunks)).toEqual(pattern(0, call.gotBytes));
      const written = Buffer.concat(peer.written);
      expect(written).toEqual(pattern(0, written.length));
      expect(sentInOrder).toEqual([...sentInOrder].sort((a, b) => a - b));
      if (!peer.isClosed) {
        expect([call.gotBytes, written.length]).toEqual([peer.sentRequestBytes, wrote]);
        expect(peer.isPaused).toBe(false);
        peer.cut();
        await pair.deliverAll();
      }
      expect(call.gones).toHaveLength(1);
      // Who waits for memory that was sent is told of all of it, unless the stream was cut.
      expect(sentInOrder.length).toBeLessThanOrEqual(writes);
      expect(call.gones[0] || sentInOrder.length === writes).toBe(true);
      expect([pair.connections.size, pair.calls.size]).toEqual([0, 0]);
    });
    await fc.assert(property, { numRuns: 300, seed: 8 });
  });
});
