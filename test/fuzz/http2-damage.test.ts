/**
 * Conversations with damage: bits flipped, bytes lost, frames repeated, out of order or of random make.
 *
 * Each ends in answers, in an error that RFC 9113 knows, or in silence; never in a fault of the server, and nothing is left.
 * Seeds are fixed.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { GrpcClient } from "../../src/grpc/client.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import { HTTP2_ERROR_CODES } from "../../src/http2/http2-error.ts";
import { campaign } from "../support/campaign.ts";
import { echoMethods } from "../support/echo-methods.ts";
import { boundedPeer, isAnswered, until } from "../support/http2-dialogue.ts";
import * as h2 from "../support/http2-frames.ts";
import { Random } from "../support/random.ts";

const { FRAME, END_HEADERS, END_STREAM } = h2;
const LANES = 8;
const CONVERSATIONS = campaign({ slice: 100, whole: 500 });
const EXPECTED_CODES: readonly number[] = [
  HTTP2_ERROR_CODES.NO_ERROR,
  HTTP2_ERROR_CODES.PROTOCOL_ERROR,
  HTTP2_ERROR_CODES.FLOW_CONTROL_ERROR,
  HTTP2_ERROR_CODES.STREAM_CLOSED,
  HTTP2_ERROR_CODES.FRAME_SIZE_ERROR,
  HTTP2_ERROR_CODES.REFUSED_STREAM,
  HTTP2_ERROR_CODES.CANCEL,
  HTTP2_ERROR_CODES.COMPRESSION_ERROR,
  HTTP2_ERROR_CODES.ENHANCE_YOUR_CALM,
];

const server = new GrpcServer({ methods: new Map(echoMethods()) });
const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => void unhandled.push(error);
let port = 0;

beforeAll(async () => {
  process.on("unhandledRejection", onUnhandled).on("uncaughtException", onUnhandled);
  ({ port } = await server.listen("127.0.0.1", 0));
});

afterAll(async () => {
  process.off("unhandledRejection", onUnhandled).off("uncaughtException", onUnhandled);
  await server.close();
});

/** A conversation of a few calls, frame by frame, the preface first. */
function conversation(random: Random): Buffer[] {
  const frames = [h2.PREFACE, h2.settings([4, 1000 + random.below(100_000)])];
  for (let stream = 1; stream < 8; stream += 2) {
    const path = `/test.Echo/${random.pick(["Unary", "Bidi", "ClientStream", "Hang", "Refuse"])}`;
    const block = h2.headerBlock([[":path", path], ...h2.CALL_HEADERS, ["x-echo", "text"]]);
    block[0] = 0x40;
    const half = random.below(block.length);
    frames.push(
      h2.frame(FRAME.headers, 0, stream, block.subarray(0, half)),
      h2.frame(FRAME.continuation, END_HEADERS, stream, block.subarray(half)),
      h2.windowUpdate(stream, 1 + random.below(1000)),
      h2.messageData(stream, random.bytes(random.below(200))),
      h2.frame(FRAME.ping, 0, 0, random.bytes(8)),
      h2.frame(FRAME.data, END_STREAM, stream),
    );
  }
  return [...frames, h2.reset(7), h2.goaway(0)];
}

function randomFrame(random: Random): Buffer {
  return h2.frame(random.below(12), random.below(256), random.below(12), random.bytes(random.below(30)));
}

type Damage = (random: Random, frames: Buffer[]) => Buffer;

const DAMAGES: Readonly<Record<string, Damage>> = {
  "with flipped bits": (random, frames) => {
    const bytes = Buffer.concat(frames);
    for (let i = 0; i <= random.below(4); i++) {
      bytes[h2.PREFACE.length + random.below(bytes.length - h2.PREFACE.length)]! ^= 1 << random.below(8);
    }
    return bytes;
  },
  "with lost bytes": (random, frames) => {
    const bytes = Buffer.concat(frames);
    const start = h2.PREFACE.length + random.below(bytes.length - h2.PREFACE.length);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + 1 + random.below(20))]);
  },
  "with a frame repeated": (random, frames) => {
    frames.splice(2 + random.below(frames.length - 2), 0, frames[1 + random.below(frames.length - 1)]!);
    return Buffer.concat(frames);
  },
  "with frames in another order": (random, frames) => {
    const [a, b] = [2 + random.below(frames.length - 2), 2 + random.below(frames.length - 2)];
    [frames[a], frames[b]] = [frames[b]!, frames[a]!];
    return Buffer.concat(frames);
  },
  "with random frames among them": (random, frames) => {
    for (let i = 0; i <= random.below(3); i++) {
      frames.splice(2 + random.below(frames.length - 2), 0, randomFrame(random));
    }
    return Buffer.concat(frames);
  },
  "of random frames": (random, frames) =>
    Buffer.concat([frames[0]!, frames[1]!, ...Array.from({ length: 30 }, () => randomFrame(random))]),
};

/**
 * What comes behind a conversation: a frame that is passed over, but as the rest of one whose length was damaged is an error, and
 * a PING whose answer is the end.
 */
const END = Buffer.concat([
  h2.frame(200, 0, 0, Buffer.alloc(16_384)),
  h2.frame(200, 0, 0, Buffer.alloc(16_384)),
  h2.frame(FRAME.ping, 0, 0, Buffer.from("the last")),
]);

/** Sends one conversation and gives the codes that came of it. */
async function hold(bytes: Buffer): Promise<{ codes: number[]; answers: number }> {
  const peer = boundedPeer(port);
  await peer.send(bytes, END);
  await until(peer, () => peer.frames.some(({ payload }) => payload.toString() === "the last"));
  const codes = peer.frames.flatMap(({ type, payload }) =>
    type === FRAME.goaway ? [payload.readUInt32BE(4)] : type === FRAME.reset ? [payload.readUInt32BE()] : [],
  );
  const answers = [1, 3, 5, 7].filter((stream) => isAnswered(peer, stream)).length;
  peer.socket.destroy();
  return { codes, answers };
}

describe("conversations", () => {
  it.each(Object.entries(DAMAGES))(
    "%s end in answers or known errors, and nothing is left",
    async (_, damage) => {
      const random = new Random(9113);
      const unexpected: { codes: number[]; bytes: string }[] = [];
      const seen = new Map<number, number>();
      let answers = 0;
      let left = CONVERSATIONS;
      const lane = async (): Promise<void> => {
        while (left-- > 0) {
          const bytes = damage(random, conversation(random));
          const result = await hold(bytes);
          answers += result.answers;
          for (const code of result.codes) seen.set(code, (seen.get(code) ?? 0) + 1);
          if (result.codes.some((code) => !EXPECTED_CODES.includes(code))) {
            unexpected.push({ codes: result.codes, bytes: bytes.toString("hex") });
          }
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      console.log(`${answers} answers, errors by code:`, JSON.stringify(Object.fromEntries(seen)));
      expect(unexpected).toEqual([]);
      expect(seen.size).toBeGreaterThan(1);
      await vi.waitFor(() => expect([server.openCalls, server.sessions]).toEqual([0, 0]), {
        timeout: 10_000,
      });
      expect(unhandled).toEqual([]);
    },
  );

  it("of others are then held as before", async () => {
    const client = new GrpcClient({ host: "127.0.0.1", port });
    expect(await client.unary("/test.Echo/Unary", Buffer.from("as before"))).toEqual(
      Buffer.from("as before"),
    );
    await client.close();
  });
});
