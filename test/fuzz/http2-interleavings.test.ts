/**
 * Calls whose frames are mixed at random and cut at random places: each has the same result as when it is alone.
 *
 * What a client may vary is varied: padding, priorities, header blocks in pieces, fields that go into the table, frames of no
 * concern in between. Seeds are fixed.
 */
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { HpackDecoder } from "../../src/http2/hpack-decoder.ts";
import type { RawPeer } from "../support/attack.ts";
import { serve } from "../support/grpc-peers.ts";
import * as hpack from "../support/hpack-blocks.ts";
import { boundedPeer, dataOf, verdictOn } from "../support/http2-dialogue.ts";
import * as h2 from "../support/http2-frames.ts";
import { Random } from "../support/random.ts";

const { FRAME, END_HEADERS, END_STREAM } = h2;
const PADDED = 8;
const PRIORITY = 0x20;
const WIDE = 50 * 1024 * 1024;
const METHODS = ["Unary", "ServerStream", "ClientStream", "Bidi", "Fail", "Refuse", "None"];

/** Makes a frame of a call, once its stream is known. */
type FrameOf = (stream: number) => Buffer;

interface Result {
  readonly verdict: string;
  readonly data: string;
  readonly trailers: Readonly<Record<string, string>>;
}

/** Cuts `bytes` into 1 to `most` pieces, some of them empty. */
function cut(random: Random, bytes: Buffer, most: number): Buffer[] {
  const places = Array.from({ length: random.below(most) }, () => random.below(bytes.length + 1));
  const ends = [...places.sort((a, b) => a - b), bytes.length];
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

function padded(random: Random, type: number, flags: number, payload: Buffer): FrameOf {
  if (random.below(3) > 0) return (stream) => h2.frame(type, flags, stream, payload);
  const padding = Buffer.alloc(random.below(256));
  const whole = Buffer.concat([Buffer.from([padding.length]), payload, padding]);
  return (stream) => h2.frame(type, flags | PADDED, stream, whole);
}

function headersOf(random: Random, block: Buffer, flags: number): FrameOf {
  const [first, ...more] = cut(random, block, 3);
  const priority = random.below(2) === 0 ? Buffer.alloc(0) : Buffer.from([0, 0, 0, 0, 16]);
  const priorityFlag = priority.length > 0 ? PRIORITY : 0;
  const endFlag = (i: number): number => (i === more.length ? END_HEADERS : 0);
  const payload = Buffer.concat([priority, first!]);
  const head = padded(random, FRAME.headers, flags | priorityFlag | endFlag(0), payload);
  return (stream) =>
    Buffer.concat([
      head(stream),
      ...more.map((piece, i) => h2.frame(FRAME.continuation, endFlag(i + 1), stream, piece)),
    ]);
}

function requestBlock(random: Random): Buffer {
  const fields: h2.Header[] = [
    [":path", `/test.Echo/${random.pick(METHODS)}`],
    ...h2.CALL_HEADERS,
    ["x-count", String(random.below(4))],
    ["x-echo", "z".repeat(random.below(50))],
    ["x-code", "STORAGE_FULL"],
  ];
  const forms = [hpack.literal, hpack.added, hpack.neverIndexed];
  return Buffer.concat(fields.map(([name, value]) => random.pick(forms)(name, value)));
}

function newCall(random: Random): FrameOf[] {
  const messages = Array.from({ length: 1 + random.below(3) }, () => {
    const body = random.bytes(random.below(2) * random.below(2000));
    return h2.messageData(1, body).subarray(9);
  });
  const pieces = cut(random, Buffer.concat(messages), 6);
  const end: FrameOf[] =
    random.below(2) === 0
      ? [padded(random, FRAME.data, END_STREAM, Buffer.alloc(0))]
      : [headersOf(random, hpack.added("x-trailer", "y"), END_STREAM)];
  return [
    headersOf(random, requestBlock(random), 0),
    ...pieces.map((piece) => padded(random, FRAME.data, 0, piece)),
    ...end,
  ];
}

/** Frames that change nothing. */
function noise(random: Random): Buffer {
  return random.pick([
    h2.frame(FRAME.ping, 0, 0, random.bytes(8)),
    h2.frame(10 + random.below(200), random.below(256), random.below(100), random.bytes(random.below(50))),
    h2.frame(FRAME.priority, 0, 1 + random.below(100), Buffer.from([0, 0, 1, 0, 1])),
    h2.windowUpdate(0, 1 + random.below(1000)),
    h2.settings([0xff, random.below(1000)]),
    h2.settings([4, WIDE - random.below(1000)]),
  ]);
}

interface Mixture {
  readonly bytes: Buffer;
  /** The stream of each call. */
  readonly streams: readonly number[];
}

/** The calls' frames in random order, each call's own in theirs. */
function mix(random: Random, calls: readonly FrameOf[][]): Mixture {
  const streams: number[] = calls.map(() => 0);
  const next = calls.map(() => 0);
  const frames: Buffer[] = [];
  let highest = -1;
  let waiting = calls.map((_, i) => i);
  while (waiting.length > 0) {
    const i = random.pick(waiting);
    if (streams[i] === 0) {
      highest += 2 * (1 + random.below(3));
      streams[i] = highest;
    }
    if (random.below(4) === 0) frames.push(noise(random));
    frames.push(calls[i]![next[i]!++]!(streams[i]!));
    waiting = waiting.filter((each) => next[each]! < calls[each]!.length);
  }
  return { bytes: Buffer.concat(frames), streams };
}

async function connectTo(port: number): Promise<RawPeer> {
  const peer = boundedPeer(port);
  await peer.send(h2.PREFACE, h2.settings([4, WIDE]), h2.windowUpdate(0, WIDE));
  return peer;
}

async function resultOf(peer: RawPeer, stream: number): Promise<Result> {
  const verdict = await verdictOn(peer, stream);
  const blocks = peer.frames.filter((each) => each.type === FRAME.headers && each.stream === stream);
  const decoder = new HpackDecoder({ tableBytesMax: 4096, listBytesMax: 65_536 });
  const last = decoder.decode(blocks.at(-1)!.payload, "trailers");
  return { verdict, data: dataOf(peer, stream).toString("hex"), trailers: Object.fromEntries(last.fields) };
}

describe("calls on one connection", () => {
  it.each([1, 2, 3, 4])(
    "have the same results mixed and in pieces as one by one, with seed %i",
    async (seed) => {
      const random = new Random(seed);
      const { port } = await serve();
      for (let round = 0; round < 25; round++) {
        const calls = Array.from({ length: 1 + random.below(6) }, () => newCall(random));
        const alone: Result[] = [];
        for (const call of calls) {
          const peer = await connectTo(port);
          await peer.send(...call.map((frameOf) => frameOf(1)));
          alone.push(await resultOf(peer, 1));
          peer.socket.destroy();
        }
        const { bytes, streams } = mix(random, calls);
        const peer = await connectTo(port);
        for (const piece of cut(random, bytes, 60)) {
          await peer.send(piece);
          await setImmediate();
        }
        const mixed = await Promise.all(streams.map((stream) => resultOf(peer, stream)));
        expect(mixed).toEqual(alone);
        expect(alone.every(({ trailers }) => trailers["grpc-status"] !== undefined)).toBe(true);
        peer.socket.destroy();
      }
    },
  );
});
