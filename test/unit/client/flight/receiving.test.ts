/**
 * Reading a server's FlightData: as it arrives, whole, in part, not at all; and what a hostile server may send.
 */
import { describe, expect, it } from "vitest";
import { readFlightData } from "../../../../src/client/flight/incoming-flight-data.ts";
import { encodeFlightDataHead, FLIGHT_DATA_TAGS } from "../../../../src/flight/flight-data-encoder.ts";
import { writeVarint } from "../../../../src/flight/varint.ts";
import type { ServerCall } from "../../../../src/grpc/call.ts";
import { PREFIX_SIZE_BYTES, writePrefix } from "../../../../src/grpc/framing.ts";
import { QueuedMessageReader } from "../../../../src/grpc/message-reader.ts";
import { Random } from "../../../support/random.ts";
import { settled } from "../../../support/settled.ts";
import { all, flightPeer, sendData, texts } from "./flight-peer.ts";

const MIB = 1024 * 1024;

/** A field of a protobuf message. */
function field(tag: number, value: Buffer): Buffer {
  const prefix = Buffer.alloc(20);
  return Buffer.concat([
    prefix.subarray(0, writeVarint(prefix, writeVarint(prefix, 0, tag), value.length)),
    value,
  ]);
}

const HEADER = field(FLIGHT_DATA_TAGS.dataHeader, Buffer.from("header"));
const BODY = field(FLIGHT_DATA_TAGS.body, Buffer.from("body"));
const METADATA = field(FLIGHT_DATA_TAGS.appMetadata, Buffer.from("metadata"));

describe("messages of FlightData", () => {
  it("are skipped as far as they were not read", async () => {
    const { client } = await flightPeer({
      DoGet: async (call) => {
        for (let i = 0; i < 20; i++) await sendData(call, `${i}`, Buffer.alloc(300_000, i), `metadata ${i}`);
      },
    });
    const seen: string[] = [];
    for await (const message of client.doGet("ticket")) {
      seen.push(`${message.dataHeader}`);
      for await (const chunk of message.chunks()) {
        expect(chunk[0]).toBe(Number(seen.at(-1)));
        break;
      }
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
  });

  it("are whole by their chunks, and by `collect` behind some of them", async () => {
    const body = new Random(1).bytes(MIB);
    const { client } = await flightPeer({ DoGet: (call) => sendData(call, "header", body) });
    for await (const message of client.doGet("ticket")) {
      const first: Buffer[] = [];
      for await (const chunk of message.chunks()) {
        first.push(Buffer.from(chunk));
        if (first.length === 5) break;
      }
      const rest = await message.collect();
      expect(Buffer.concat([...first, rest]).equals(body)).toBe(true);
      expect(await message.collect()).toHaveLength(0);
    }
  });

  it("are collected into memory of their own, at the front of it", async () => {
    const { client } = await flightPeer({ DoGet: (call) => sendData(call, "header", Buffer.from("body")) });
    for await (const message of client.doGet("ticket")) {
      const body = await message.collect();
      expect([body.byteOffset, body.buffer.byteLength]).toEqual([0, 4]);
    }
  });

  it("are not collected over the size the caller takes", async () => {
    const { client } = await flightPeer({ DoGet: (call) => sendData(call, "header", Buffer.alloc(1000)) });
    const collecting = async () => {
      for await (const message of client.doGet("ticket")) await message.collect(999);
    };
    await expect(collecting()).rejects.toMatchObject({ code: "OBJECT_TOO_LARGE" });
  });

  it("cannot be read after the next one was requested", async () => {
    const { client } = await flightPeer({
      DoGet: async (call) => {
        await sendData(call, "one", Buffer.from("1"));
        await sendData(call, "two", Buffer.from("2"));
      },
    });
    const [one] = await all(client.doGet("ticket"));
    await expect(one!.collect()).rejects.toThrow("before the next one is requested");
  });

  it("hold the server up while they are not read", async () => {
    let sent = 0;
    const { client } = await flightPeer({
      DoGet: async (call) => {
        for (let i = 0; i < 64; i++) {
          await sendData(call, "header", Buffer.alloc(MIB));
          sent++;
        }
      },
    });
    let read = 0;
    for await (const message of client.doGet("ticket")) {
      const ahead = (await settled(() => sent)) - read;
      expect(ahead).toBeLessThan(8);
      read++;
      await message.collect();
    }
    expect(read).toBe(64);
  });

  it("come of two hundred large gets at once, on the one connection", async () => {
    const { client } = await flightPeer({ DoGet: (call) => sendData(call, "header", Buffer.alloc(2 * MIB)) });
    const gets = Array.from({ length: 200 }, async () => {
      let sizeBytes = 0;
      for await (const message of client.doGet("ticket")) sizeBytes += (await message.collect()).length;
      return sizeBytes;
    });
    expect(new Set(await Promise.all(gets))).toEqual(new Set([2 * MIB]));
  });

  it("end when the caller leaves: the server is told, the call is closed", async () => {
    let reason: unknown;
    const { client, server } = await flightPeer({
      DoGet: async (call) => {
        call.signal.addEventListener("abort", () => {
          reason = call.signal.reason;
        });
        for (;;) await sendData(call, "header", Buffer.alloc(MIB));
      },
    });
    for await (const message of client.doGet("ticket")) {
      for await (const chunk of message.chunks()) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
      break;
    }
    await expect.poll(() => server.openCalls).toBe(0);
    expect(reason).toMatchObject({ code: "CANCELLED" });
  });
});

/** One message in pieces of `stepBytes`, read and taken apart. */
async function read(message: Buffer, stepBytes: number, declaredBytes = message.length) {
  const reader = new QueuedMessageReader({ pause: () => undefined, resume: () => undefined });
  const prefix = Buffer.alloc(PREFIX_SIZE_BYTES);
  writePrefix(prefix, declaredBytes);
  const bytes = Buffer.concat([prefix, message]);
  const reading = texts(readFlightData(reader));
  for (let at = 0; at < bytes.length; at += stepBytes) reader.push(bytes.subarray(at, at + stepBytes));
  reader.end();
  return await reading;
}

describe.each([1, 2, 7, 1000])("FlightData that comes in pieces of %d bytes", (step) => {
  const whole = { header: "header", body: "body", appMetadata: "metadata" };

  it.each([
    ["in the usual order", [HEADER, METADATA, BODY], whole],
    ["with app_metadata behind the body", [HEADER, BODY, METADATA], whole],
    ["with the body before its header", [BODY, METADATA, HEADER], whole],
    ["with a field nobody knows", [field(0x7a, Buffer.from("?")), HEADER, METADATA, BODY], whole],
    ["without a body", [HEADER], { header: "header", body: "", appMetadata: "" }],
    ["with nothing", [], { header: "", body: "", appMetadata: "" }],
  ] as const)("is read %s", async (_, parts, expected) => {
    expect(await read(Buffer.concat([...parts]), step)).toEqual([expected]);
  });

  it.each([
    ["that is cut short", Buffer.concat([HEADER, BODY]).subarray(0, -1), "INVALID_IPC"],
    ["whose field reaches beyond its end", Buffer.from([0x12, 100, 1]), "INVALID_IPC"],
    ["with two bodies", Buffer.concat([HEADER, BODY, BODY]), "INVALID_REQUEST"],
    ["with a header behind the body", Buffer.concat([HEADER, BODY, HEADER]), "INVALID_REQUEST"],
    ["with a header of 4 GiB", Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]), "INVALID_IPC"],
    ["of groups", Buffer.from([0x13, 0x14]), "INVALID_IPC"],
  ])("is refused %s", async (_, message, code) => {
    await expect(read(message, step)).rejects.toMatchObject({ code });
  });

  it("is refused when the stream ends inside it", async () => {
    await expect(read(HEADER, step, 1000)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
  });
});

describe("a server that promises much", () => {
  it("costs no memory with a body that does not come", async () => {
    const promised = async (call: ServerCall) => {
      const head = encodeFlightDataHead({ dataHeader: Buffer.from("header"), bodySizeBytes: 2 ** 31 });
      const sizeBytes = head.reduce((sum, part) => sum + part.length, 2 ** 31);
      await call.startMessage(sizeBytes, head);
      await new Promise((_, reject) => call.signal.addEventListener("abort", reject));
    };
    const { client } = await flightPeer({ DoGet: promised });
    const before = process.memoryUsage.rss();
    const collecting = async () => {
      for await (const message of client.doGet("ticket", { timeoutMs: 200 })) await message.collect();
    };
    await expect(collecting()).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(process.memoryUsage.rss() - before).toBeLessThan(256 * MIB);
  });

  it.each([
    ["FlightInfo", (peer: Awaited<ReturnType<typeof flightPeer>>) => all(peer.client.listFlights())],
    ["ActionType", (peer: Awaited<ReturnType<typeof flightPeer>>) => all(peer.client.listActions())],
    ["Result", (peer: Awaited<ReturnType<typeof flightPeer>>) => all(peer.client.doAction("x"))],
  ])("is refused when its %s is no protobuf, and its call is over", async (_, call) => {
    const garbage = async (call: ServerCall) => {
      for (;;) await call.write([Buffer.from("ffffffff", "hex")]);
    };
    const peer = await flightPeer({ ListFlights: garbage, ListActions: garbage, DoAction: garbage });
    await expect(call(peer)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    await expect.poll(() => peer.server.openCalls).toBe(0);
  });
});
