/**
 * Sending FlightData: back-pressure, and every way in which one side stops before the other.
 */
import { EventEmitter, once } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { readFlightData } from "../../../../src/client/flight/incoming-flight-data.ts";
import type { OutgoingFlightData } from "../../../../src/client/flight/outgoing-flight-data.ts";
import { CacheError } from "../../../../src/errors.ts";
import { encodePutResult } from "../../../../src/flight/messages.ts";
import type { CallHandler } from "../../../../src/grpc/call.ts";
import { settled } from "../../../support/settled.ts";
import { all, flightPeer, PATH, sendData } from "./flight-peer.ts";

const MIB = 1024 * 1024;
const MESSAGE: OutgoingFlightData = { dataHeader: Buffer.from("header"), body: Buffer.alloc(MIB) };

/** Messages without end that count themselves, and tell when they were let go. */
class Source {
  given = 0;
  isClosed = false;

  async *messages(): AsyncGenerator<OutgoingFlightData> {
    try {
      for (;;) {
        this.given++;
        yield MESSAGE;
      }
    } finally {
      this.isClosed = true;
    }
  }
}

/** Takes nothing until the call is over. */
const takeNothing: CallHandler = (call) =>
  new Promise((_, reject) => call.signal.addEventListener("abort", () => reject(call.signal.reason)));

/** Reads each message and answers it with its number. */
const countAll: CallHandler = async (call) => {
  let count = 0;
  for await (const _ of readFlightData(call.requests)) {
    await call.write([encodePutResult(Buffer.from(`${count++}`))]);
  }
};

describe("a put", () => {
  it("asks its source for no more than the server takes", async () => {
    const { client, server } = await flightPeer({ DoPut: takeNothing });
    const source = new Source();
    const controller = new AbortController();
    const put = all(client.doPut(PATH, source.messages(), { signal: controller.signal }));
    const ended = expect(put).rejects.toMatchObject({ code: "CANCELLED" });
    await vi.waitFor(() => expect(server.openCalls).toBe(1));
    expect(await settled(() => source.given)).toBeLessThan(8);
    controller.abort();
    await ended;
    await vi.waitFor(() => expect(source.isClosed).toBe(true));
  });

  it("asks for no more of a body that is made while it is sent", async () => {
    const { client, server } = await flightPeer({ DoPut: takeNothing });
    const source = new Source();
    async function* chunks() {
      for await (const { body } of source.messages()) yield body as Buffer;
    }
    const body = { sizeBytes: 1024 * MIB, chunks: chunks() };
    const controller = new AbortController();
    const put = all(client.doPut(PATH, [{ dataHeader: Buffer.from("header"), body }], controller));
    const ended = expect(put).rejects.toMatchObject({ code: "CANCELLED" });
    await vi.waitFor(() => expect(server.openCalls).toBe(1));
    expect(await settled(() => source.given)).toBeLessThan(8);
    controller.abort();
    await ended;
    await vi.waitFor(() => expect(source.isClosed).toBe(true));
  });

  it("gives answers while it sends", async () => {
    const { client } = await flightPeer({ DoPut: countAll });
    const source = new Source();
    const answers: string[] = [];
    for await (const answer of client.doPut(PATH, source.messages())) {
      answers.push(String(answer));
      if (answers.length === 100) break;
    }
    expect(answers).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`));
    await vi.waitFor(() => expect(source.isClosed).toBe(true));
  });

  it("goes on sending while its caller leaves the answers alone", async () => {
    const { client } = await flightPeer({ DoPut: countAll });
    let given = 0;
    async function* messages() {
      for (; given < 200; given++) yield MESSAGE;
    }
    for await (const _ of client.doPut(PATH, messages())) {
      await vi.waitFor(() => expect(given).toBe(200), { timeout: 20_000 });
    }
  });

  it("stops sending when the server refuses it, and tells what the server said", async () => {
    const refused = new CacheError("STORAGE_FULL", "no room");
    const { client } = await flightPeer({
      DoPut: async (call) => {
        await call.requests.next();
        throw refused;
      },
    });
    const source = new Source();
    await expect(all(client.doPut(PATH, source.messages()))).rejects.toEqual(refused);
    await vi.waitFor(() => expect(source.isClosed).toBe(true));
    expect(source.given).toBeLessThan(64);
  });

  it("is told of a refusal while its source makes it wait", async () => {
    const { client } = await flightPeer({
      DoPut: async () => {
        throw new CacheError("STORAGE_FULL");
      },
    });
    let isClosed = false;
    const stalled: AsyncIterable<OutgoingFlightData> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => undefined),
        return: async () => {
          isClosed = true;
          return { done: true, value: undefined };
        },
      }),
    };
    await expect(all(client.doPut(PATH, stalled))).rejects.toMatchObject({ code: "STORAGE_FULL" });
    expect(isClosed).toBe(true);
  });

  it("has failed when the server ends it with OK before everything was sent", async () => {
    const { client } = await flightPeer({
      DoPut: async (call) => {
        await call.write([encodePutResult(Buffer.from("enough"))]);
      },
    });
    const answers: string[] = [];
    const putting = async () => {
      for await (const answer of client.doPut(PATH, new Source().messages())) answers.push(String(answer));
    };
    await expect(putting()).rejects.toMatchObject({
      code: "CANCELLED",
      message: expect.stringContaining("before everything was sent"),
    });
    expect(answers).toEqual(["enough"]);
  });

  const spoilt = new TypeError("the file is gone");
  const dataHeader = Buffer.from("header");

  it.each<[string, () => OutgoingFlightData, unknown]>([
    [
      "fails",
      () => {
        throw spoilt;
      },
      spoilt,
    ],
    [
      "gives less of a body than it said",
      () => ({ dataHeader, body: { sizeBytes: 10, chunks: [Buffer.alloc(5)] } }),
      expect.objectContaining({ code: "INVALID_REQUEST" }),
    ],
    [
      "gives more of a body than it said",
      () => ({ dataHeader, body: { sizeBytes: 4, chunks: [Buffer.alloc(5)] } }),
      expect.objectContaining({ code: "INVALID_REQUEST" }),
    ],
    [
      "gives a message that no frame can hold",
      () => ({ dataHeader, body: { sizeBytes: 2 ** 32, chunks: [] } }),
      expect.objectContaining({ code: "OBJECT_TOO_LARGE" }),
    ],
  ])("is cancelled, never ended, when its source %s", async (_, next, error) => {
    const events = new EventEmitter();
    const { client } = await flightPeer({
      DoPut: async (call) => {
        const reading = async () => {
          for await (const { bodySizeBytes } of readFlightData(call.requests))
            events.emit("came", bodySizeBytes);
        };
        events.emit("outcome", await reading().catch((reason: unknown) => reason));
      },
    });
    const outcome = once(events, "outcome");
    async function* messages() {
      const came = once(events, "came");
      yield MESSAGE;
      await came;
      yield next();
    }
    await expect(all(client.doPut(PATH, messages()))).rejects.toEqual(error);
    expect((await outcome)[0]).toMatchObject({ code: "CANCELLED" });
  });

  it("sends nothing before its answers are asked for", async () => {
    const { client, server } = await flightPeer({ DoPut: countAll });
    const source = new Source();
    client.doPut(PATH, source.messages());
    await settled(() => server.sessions);
    expect([source.given, server.sessions]).toEqual([0, 0]);
  });
});

describe("an exchange", () => {
  it("moves bulk both ways on its one connection", async () => {
    const { client } = await flightPeer({
      DoExchange: async (call) => {
        for await (const message of readFlightData(call.requests)) {
          await sendData(call, String(message.dataHeader), await message.collect());
        }
      },
    });
    let sizeBytes = 0;
    for await (const message of client.doExchange(
      PATH,
      Array.from({ length: 128 }, () => MESSAGE),
    )) {
      for await (const chunk of message.chunks()) sizeBytes += chunk.length;
    }
    expect(sizeBytes).toBe(128 * MIB);
  });

  it("may be ended by the server with OK whenever it likes", async () => {
    const { client } = await flightPeer({ DoExchange: () => Promise.resolve() });
    const source = new Source();
    expect(await all(client.doExchange(PATH, source.messages()))).toEqual([]);
    await vi.waitFor(() => expect(source.isClosed).toBe(true));
  });
});

describe("any call", () => {
  const hang = { DoGet: takeNothing, DoPut: takeNothing, GetFlightInfo: takeNothing, DoAction: takeNothing };
  type Client = Awaited<ReturnType<typeof flightPeer>>["client"];
  type Options = Parameters<Client["doGet"]>[1];

  const CALLS: [string, (client: Client, options: Options) => Promise<unknown>][] = [
    ["doGet", (client, options) => all(client.doGet("ticket", options))],
    ["doPut", (client, options) => all(client.doPut(PATH, [MESSAGE], options))],
    ["getFlightInfo", (client, options) => client.getFlightInfo(PATH, options)],
    ["doAction", (client, options) => all(client.doAction("type", "", options))],
  ];

  it.each(CALLS)("%s ends at its deadline", async (_, call) => {
    const { client } = await flightPeer(hang);
    await expect(call(client, { timeoutMs: 50 })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  it.each(CALLS)("%s ends at the deadline of the client when it has none", async (_, call) => {
    const { client } = await flightPeer(hang, { timeoutMs: 50 });
    await expect(call(client, {})).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  it.each(CALLS)("%s has no deadline beyond what can be timed", async (_, call) => {
    const { client, server } = await flightPeer(hang);
    const controller = new AbortController();
    const ended = expect(call(client, { timeoutMs: 2 ** 40, signal: controller.signal }));
    await vi.waitFor(() => expect(server.openCalls).toBe(1));
    controller.abort();
    await ended.rejects.toMatchObject({ code: "CANCELLED" });
  });

  it.each(CALLS)("%s ends by its signal, with the reason as the cause", async (_, call) => {
    const { client, server } = await flightPeer(hang);
    const controller = new AbortController();
    const ended = expect(call(client, { signal: controller.signal })).rejects.toMatchObject({
      code: "CANCELLED",
      cause: "enough",
    });
    await vi.waitFor(() => expect(server.openCalls).toBe(1));
    controller.abort("enough");
    await ended;
  });

  it.each(CALLS)("%s is not begun when its signal was there before it", async (_, call) => {
    const { client } = await flightPeer(hang);
    await expect(call(client, { signal: AbortSignal.abort("before") })).rejects.toMatchObject({
      code: "CANCELLED",
      cause: "before",
    });
  });

  it.each(CALLS)("%s may share its signal with a hundred others, without a warning", async (_, call) => {
    const { client, server } = await flightPeer(hang);
    const warned = vi.fn();
    process.on("warning", warned);
    const controller = new AbortController();
    const { signal } = controller;
    const calls = Promise.allSettled(Array.from({ length: 100 }, () => call(client, { signal })));
    await vi.waitFor(() => expect(server.openCalls).toBe(100));
    controller.abort();
    expect((await calls).every((result) => result.status === "rejected")).toBe(true);
    process.off("warning", warned);
    expect(warned).not.toHaveBeenCalled();
  });

  it.each(CALLS)("%s ends when the client is closed", async (_, call) => {
    const { client, server } = await flightPeer(hang);
    const ended = expect(call(client, {})).rejects.toMatchObject({ code: "CANCELLED" });
    await vi.waitFor(() => expect(server.openCalls).toBe(1));
    await client.close();
    await ended;
  });

  it.each(CALLS)("%s is UNREACHABLE when nobody listens", async (_, call) => {
    const { client, server } = await flightPeer({});
    await server.close();
    await expect(call(client, {})).rejects.toMatchObject({ code: "UNREACHABLE", retryable: true });
  });
});
