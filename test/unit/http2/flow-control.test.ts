/**
 * Windows, on both ways: what the server sends into them, and what it gives back.
 *
 * That nothing more comes is known by a PING behind it: its answer comes after all that was sent before.
 */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import type { RawPeer } from "../../support/attack.ts";
import { campaign } from "../../support/campaign.ts";
import { serve } from "../../support/grpc-peers.ts";
import {
  dataOf,
  isAnswered,
  openedPeer,
  until,
  verdictOfNext,
  verdictOn,
} from "../../support/http2-dialogue.ts";
import * as h2 from "../../support/http2-frames.ts";
import { settled } from "../../support/settled.ts";

const { FRAME } = h2;
const UNARY = "/test.Echo/Unary";
const HANG = "/test.Echo/Hang";
const WINDOW = 4;
const FRAME_SIZE = 5;
const FRAME_BYTES = 16_384;
const FRAME_BYTES_LIMIT = 2 ** 24 - 1;
const PREFIX_BYTES = 5;
/** How many windows a large request is long. */
const WINDOWS = campaign({ slice: 2, whole: 5 });
const WIDE = 100 * 1024 * 1024;

/** A call whose answer is `sizeBytes` of message and prefix. */
function call(stream: number, sizeBytes: number): Buffer {
  const body = Buffer.from(Array.from({ length: sizeBytes - PREFIX_BYTES }, (_, i) => i % 251));
  const message = h2.messageData(stream, body);
  const frames: Buffer[] = [h2.callHeaders(stream, UNARY)];
  const payload = message.subarray(9);
  for (let at = 0; at < payload.length; at += FRAME_BYTES) {
    frames.push(h2.frame(FRAME.data, 0, stream, payload.subarray(at, at + FRAME_BYTES)));
  }
  return Buffer.concat([...frames, h2.frame(FRAME.data, h2.END_STREAM, stream)]);
}

/** Waits until the server has handled all that was sent, and has sent all that it then could. */
async function roundTrip(peer: RawPeer): Promise<void> {
  const answers = () =>
    peer.frames.filter(({ type, flags }) => type === FRAME.ping && flags === h2.ACK).length;
  const before = answers();
  await peer.send(h2.frame(FRAME.ping, 0, 0, Buffer.alloc(8)));
  await until(peer, () => answers() > before);
}

const received = (peer: RawPeer, stream: number): number => dataOf(peer, stream).length;

/** Waits until `sizeBytes` of an answer have come, and makes sure that no more comes. */
async function expectExactly(peer: RawPeer, stream: number, sizeBytes: number): Promise<void> {
  await until(peer, () => received(peer, stream) >= sizeBytes);
  await roundTrip(peer);
  expect(received(peer, stream)).toBe(sizeBytes);
}

const headersOf = (peer: RawPeer, stream: number) =>
  until(peer, () => peer.frames.some((each) => each.type === FRAME.headers && each.stream === stream));

/** Bytes of window that the server has given back for a stream, or for the connection by 0. */
function credited({ frames }: RawPeer, stream: number): number {
  const updates = frames.filter((each) => each.type === FRAME.windowUpdate && each.stream === stream);
  return updates.reduce((sum, { payload }) => sum + payload.readUInt32BE(), 0);
}

describe("an answer", () => {
  it("goes byte by byte into a window of bytes, and is whole", async () => {
    const peer = await openedPeer((await serve()).port, [WINDOW, 0]);
    await peer.send(call(1, 12));
    await headersOf(peer, 1);
    for (let sizeBytes = 0; sizeBytes < 12; sizeBytes++) {
      await expectExactly(peer, 1, sizeBytes);
      expect(isAnswered(peer, 1)).toBe(false);
      await peer.send(h2.windowUpdate(1, 1));
    }
    expect(await verdictOn(peer, 1)).toBe("answered");
    expect(dataOf(peer, 1)).toEqual(Buffer.from([0, 0, 0, 0, 7, 0, 1, 2, 3, 4, 5, 6]));
  });

  it("stops at the window of its stream, and goes on where that is opened", async () => {
    const peer = await openedPeer((await serve()).port, [WINDOW, 1000]);
    await peer.send(call(1, 5000));
    await expectExactly(peer, 1, 1000);
    await peer.send(h2.windowUpdate(1, 1500));
    await expectExactly(peer, 1, 2500);
    await peer.send(h2.windowUpdate(1, 100_000));
    expect(await verdictOn(peer, 1)).toBe("answered");
    expect(received(peer, 1)).toBe(5000);
  });

  it("stops at the window of the connection, which answers share", async () => {
    const peer = await openedPeer((await serve()).port, [WINDOW, WIDE]);
    await peer.send(call(1, 60_000), call(3, 60_000));
    const both = () => received(peer, 1) + received(peer, 3);
    await until(peer, () => both() >= 65_535);
    await roundTrip(peer);
    expect(both()).toBe(65_535);
    await peer.send(h2.windowUpdate(0, WIDE));
    expect([await verdictOn(peer, 1), await verdictOn(peer, 3)]).toEqual(["answered", "answered"]);
    expect(both()).toBe(120_000);
  });

  it("that cannot be sent holds up no other", async () => {
    const peer = await openedPeer((await serve()).port, [WINDOW, 100]);
    for (let stream = 1; stream < 40; stream += 2) await peer.send(call(stream, 1000));
    await peer.send(call(41, 100));
    expect(await verdictOn(peer, 41)).toBe("answered");
    await expectExactly(peer, 1, 100);
  });

  it("waits while its window is negative by new settings", async () => {
    const peer = await openedPeer((await serve()).port, [WINDOW, 1000]);
    await peer.send(call(1, 5000));
    await expectExactly(peer, 1, 1000);
    await peer.send(h2.settings([WINDOW, 0]), h2.windowUpdate(1, 1000));
    await expectExactly(peer, 1, 1000);
    await peer.send(h2.windowUpdate(1, 1));
    await expectExactly(peer, 1, 1001);
    await peer.send(h2.settings([WINDOW, 500]));
    await expectExactly(peer, 1, 1501);
    await peer.send(h2.settings([WINDOW, 100_000]));
    expect(await verdictOn(peer, 1)).toBe("answered");
    expect(received(peer, 1)).toBe(5000);
  });

  it("of nothing but a status needs no window", async () => {
    const peer = await openedPeer((await serve()).port, [WINDOW, 0]);
    await peer.send(h2.callHeaders(1, "/test.Echo/None", h2.END_HEADERS | h2.END_STREAM));
    expect(await verdictOn(peer, 1)).toBe("answered");
  });

  it("comes in frames of the size that the peer takes", async () => {
    const peer = await openedPeer((await serve()).port, [WINDOW, WIDE]);
    await peer.send(h2.windowUpdate(0, WIDE));
    const largest = () =>
      Math.max(...peer.frames.filter(({ type }) => type === FRAME.data).map(({ payload }) => payload.length));
    await peer.send(call(1, 300_000));
    expect(await verdictOn(peer, 1)).toBe("answered");
    expect(largest()).toBe(FRAME_BYTES);
    await peer.send(h2.settings([FRAME_SIZE, 50_000]), call(3, 300_000));
    expect(await verdictOn(peer, 3)).toBe("answered");
    expect(largest()).toBeLessThanOrEqual(50_000);
    expect(dataOf(peer, 3)).toEqual(dataOf(peer, 1));
  });

  const ANSWER_BYTES = 1_200_000;
  const framesOf = (peer: RawPeer): number[] =>
    peer.frames
      .filter(({ type, payload }) => type === FRAME.data && payload.length > 0)
      .map(({ payload }) => payload.length);

  it("comes in one frame when nobody else waits", async () => {
    const peer = await openedPeer((await serve()).port, [WINDOW, 0], [FRAME_SIZE, FRAME_BYTES_LIMIT]);
    await peer.send(h2.windowUpdate(0, WIDE), call(1, ANSWER_BYTES));
    await roundTrip(peer);
    await peer.send(h2.windowUpdate(1, WIDE));
    expect(await verdictOn(peer, 1)).toBe("answered");
    expect(framesOf(peer)).toEqual([ANSWER_BYTES]);
  });

  it("takes turns with others in frames of at most 256 KiB", async () => {
    const peer = await openedPeer((await serve()).port, [WINDOW, 0], [FRAME_SIZE, FRAME_BYTES_LIMIT]);
    await peer.send(h2.windowUpdate(0, WIDE), call(1, ANSWER_BYTES), call(3, ANSWER_BYTES));
    await roundTrip(peer);
    await peer.send(h2.settings([WINDOW, WIDE]));
    expect([await verdictOn(peer, 1), await verdictOn(peer, 3)]).toEqual(["answered", "answered"]);
    expect(Math.max(...framesOf(peer))).toBe(256 * 1024);
    expect(dataOf(peer, 3)).toEqual(dataOf(peer, 1));
  });
});

/** Sends `sizeBytes` of DATA as the windows allow; gives how much went before they stayed shut. */
async function upload(peer: RawPeer, stream: number, sizeBytes: number): Promise<number> {
  let sent = 0;
  const room = (): number =>
    Math.min(
      LIMITS.streamWindowBytes + credited(peer, stream) - sent,
      65_535 + credited(peer, 0) - sent,
      sizeBytes - sent,
      FRAME_BYTES,
    );
  while (sent < sizeBytes) {
    if (room() === 0) await roundTrip(peer);
    if (room() === 0) await settled(() => peer.frames.length);
    const next = room();
    if (next === 0) return sent;
    await peer.send(h2.frame(FRAME.data, 0, stream, Buffer.alloc(next)));
    sent += next;
  }
  return sent;
}

describe("a request", () => {
  it("that is read may be larger than the windows", async () => {
    const peer = await openedPeer((await serve()).port);
    await peer.send(h2.callHeaders(1, "/test.Echo/ClientStream"));
    // Nothing but empty messages: five zeros each.
    const sizeBytes = WINDOWS * LIMITS.streamWindowBytes;
    expect(await upload(peer, 1, sizeBytes)).toBe(sizeBytes);
    await peer.send(h2.frame(FRAME.data, h2.END_STREAM, 1));
    expect(await verdictOn(peer, 1)).toBe("answered");
  });

  it("among many uploads at once does not stand still", async () => {
    const peer = await openedPeer((await serve()).port);
    const streams = Array.from({ length: 40 }, (_, i) => 2 * i + 1);
    for (const stream of streams) await peer.send(h2.callHeaders(stream, "/test.Echo/ClientStream"));
    const rounds = (WINDOWS * LIMITS.streamWindowBytes) / streams.length / FRAME_BYTES;
    let sent = 0;
    const room = (): number => 65_535 + credited(peer, 0) - sent;
    for (let round = 0; round < rounds; round++) {
      for (const stream of streams) {
        await until(peer, () => room() >= FRAME_BYTES);
        await peer.send(
          h2.frame(FRAME.data, 0, stream, Buffer.alloc(FRAME_BYTES - (FRAME_BYTES % PREFIX_BYTES))),
        );
        sent += FRAME_BYTES - (FRAME_BYTES % PREFIX_BYTES);
      }
    }
    for (const stream of streams) {
      await peer.send(h2.frame(FRAME.data, h2.END_STREAM, stream));
      expect(await verdictOn(peer, stream)).toBe("answered");
    }
  });

  it("that nobody reads is held by its window, and one byte more ends it", async () => {
    const peer = await openedPeer((await serve()).port);
    await peer.send(h2.callHeaders(1, HANG));
    expect(await upload(peer, 1, 4 * LIMITS.streamWindowBytes)).toBeLessThanOrEqual(
      2 * LIMITS.streamWindowBytes,
    );
    await peer.send(h2.frame(FRAME.data, 0, 1, Buffer.alloc(1)));
    expect(await verdictOn(peer, 1)).toBe("stream FLOW_CONTROL_ERROR");
    expect(await verdictOfNext(peer, 3)).toBe("stream FLOW_CONTROL_ERROR");
  });

  it("that was refused leaves the connection its window", async () => {
    const peer = await openedPeer((await serve()).port);
    for (let stream = 1; stream <= 9; stream += 2) {
      await peer.send(h2.callHeaders(stream, "/test.Echo/Refuse"), h2.messageData(stream, Buffer.alloc(1)));
      expect(await verdictOn(peer, stream)).toBe("answered");
      let late = 0;
      for (; late < LIMITS.streamWindowBytes / 2; late += FRAME_BYTES) {
        await peer.send(h2.frame(FRAME.data, 0, stream, Buffer.alloc(FRAME_BYTES)));
      }
      await roundTrip(peer);
    }
    expect(credited(peer, 0)).toBeGreaterThan(2 * LIMITS.streamWindowBytes);
    expect(await verdictOfNext(peer, 101)).toBe("ignored");
  });

  it("is given back its padding", async () => {
    const peer = await openedPeer((await serve()).port);
    await peer.send(h2.callHeaders(1, "/test.Echo/ClientStream"));
    const empty = Buffer.concat([Buffer.from([255]), Buffer.alloc(PREFIX_BYTES), Buffer.alloc(255)]);
    const count = Math.ceil((1.5 * LIMITS.streamWindowBytes) / empty.length);
    let sent = 0;
    for (let i = 0; i < count; i++) {
      const room = Math.min(LIMITS.streamWindowBytes + credited(peer, 1), 65_535 + credited(peer, 0)) - sent;
      if (room < empty.length) await roundTrip(peer);
      await peer.send(h2.frame(FRAME.data, 8, 1, empty));
      sent += empty.length;
    }
    await peer.send(h2.frame(FRAME.data, h2.END_STREAM, 1));
    expect(await verdictOn(peer, 1)).toBe("answered");
    expect(credited(peer, 0)).toBeGreaterThan(sent);
  });
});
