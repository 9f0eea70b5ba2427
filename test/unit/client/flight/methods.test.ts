/**
 * Each method of FlightClient: what it sends, and what it makes of the answers.
 */
import { EventEmitter, once } from "node:events";
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { readFlightData } from "../../../../src/client/flight/incoming-flight-data.ts";
import { decodeDescriptor, decodeServerDescriptor } from "../../../../src/flight/descriptor.ts";
import {
  FlightInfoSchema,
  HandshakeRequestSchema,
  HandshakeResponseSchema,
  PollInfoSchema,
} from "../../../../src/flight/generated/flight_pb.ts";
import {
  decodeAction,
  decodeCriteria,
  decodeTicket,
  encodeActionType,
  encodeFlightInfo,
  encodePutResult,
  encodeResult,
  encodeSchemaResult,
} from "../../../../src/flight/messages.ts";
import { decodeMessageOf } from "../../../../src/flight/protobuf.ts";
import { singleRequest } from "../../../../src/grpc/single-request.ts";
import { unary } from "../../../support/unary.ts";
import { all, flightPeer, PATH, sendData, texts } from "./flight-peer.ts";

const INFO = {
  schema: Buffer.from("schema"),
  descriptor: PATH,
  endpoints: [{ ticket: Buffer.from("ticket"), locations: ["grpc://127.0.0.1:1"] }],
  totalRecords: 3,
  totalBytes: -1,
  appMetadata: Buffer.from("ref"),
};

describe("a call of one answer", () => {
  it("gets a FlightInfo", async () => {
    const { client } = await flightPeer({
      GetFlightInfo: unary(async (request) => {
        expect(decodeDescriptor(request)).toEqual(PATH);
        return encodeFlightInfo(INFO);
      }),
    });
    expect(await client.getFlightInfo(PATH)).toEqual(INFO);
  });

  it("gets what the cache itself never says: order, times, metadata of endpoints, no descriptor", async () => {
    const expirationTime = new Date("2026-01-01T00:00:00.500Z");
    const answer = create(FlightInfoSchema, {
      ordered: true,
      flightDescriptor: {},
      endpoint: [{ expirationTime: timestampFromDate(expirationTime), appMetadata: Buffer.from("at") }],
    });
    const { client } = await flightPeer({
      GetFlightInfo: unary(async () => toBinary(FlightInfoSchema, answer)),
    });
    expect(await client.getFlightInfo(PATH)).toMatchObject({
      ordered: true,
      descriptor: undefined,
      endpoints: [{ expirationTime, appMetadata: Buffer.from("at"), locations: [] }],
    });
  });

  it("gets a schema", async () => {
    const { client } = await flightPeer({
      GetSchema: unary(async () => encodeSchemaResult(Buffer.from("encapsulated"))),
    });
    expect(String(await client.getSchema(PATH))).toBe("encapsulated");
  });

  it.each([
    ["done", {}, { info: undefined, descriptor: undefined, progress: undefined, expirationTime: undefined }],
    [
      "on its way",
      { info: { totalRecords: 7n }, flightDescriptor: { type: 2, cmd: Buffer.from([255]) }, progress: 0.5 },
      {
        info: expect.objectContaining({ totalRecords: 7 }),
        descriptor: { kind: "command", command: Buffer.from([255]) },
        progress: 0.5,
        expirationTime: undefined,
      },
    ],
  ] as const)("gets how far a query is that is %s", async (_, answer, expected) => {
    const { client } = await flightPeer({
      PollFlightInfo: unary(async () => toBinary(PollInfoSchema, create(PollInfoSchema, answer))),
    });
    expect(await client.pollFlightInfo(PATH)).toEqual(expected);
  });

  it.each([
    ["a command of text", { kind: "command", command: "PATCH:a/s/o" }],
    ["a command of bytes", { kind: "command", command: Buffer.from([0, 255]) }],
  ] as const)("sends %s", async (_, descriptor) => {
    const { client } = await flightPeer({
      GetSchema: unary(async (request) => {
        expect(decodeServerDescriptor(request)).toEqual(descriptor);
        return encodeSchemaResult(Buffer.alloc(0));
      }),
    });
    await client.getSchema(descriptor);
  });
});

describe("a call of many answers", () => {
  it.each(["criteria", Buffer.from("criteria")])("lists flights", async (criteria) => {
    const { client } = await flightPeer({
      ListFlights: async (call) => {
        expect(decodeCriteria(await singleRequest(call, 100))).toBe("criteria");
        for (let i = 0; i < 3; i++) await call.write([encodeFlightInfo({ ...INFO, totalRecords: i })]);
      },
    });
    expect((await all(client.listFlights(criteria))).map((info) => info.totalRecords)).toEqual([0, 1, 2]);
  });

  it.each(["body", Buffer.from("body")])("gives the results of an action", async (body) => {
    const { client } = await flightPeer({
      DoAction: async (call) => {
        expect(decodeAction(await singleRequest(call, 100))).toEqual({
          type: "TYPE",
          body: Buffer.from("body"),
        });
        await call.write([encodeResult(Buffer.from("one"))]);
        await call.write([encodeResult(Buffer.alloc(0))]);
      },
    });
    expect((await all(client.doAction("TYPE", body))).map(String)).toEqual(["one", ""]);
  });

  it("names the actions", async () => {
    const action = { type: "TYPE", description: "what it does" };
    const { client } = await flightPeer({
      ListActions: async (call) => {
        expect(await singleRequest(call, 100)).toHaveLength(0);
        await call.write([encodeActionType(action)]);
      },
    });
    expect(await all(client.listActions())).toEqual([action]);
  });

  it.each(["a/s/o:3", Buffer.from("a/s/o:3")])("gets what a ticket stands for", async (ticket) => {
    const { client } = await flightPeer({
      DoGet: async (call) => {
        expect(String(decodeTicket(await singleRequest(call, 100)))).toBe("a/s/o:3");
        await sendData(call, "schema");
        await sendData(call, "batch", Buffer.from("body"), "metadata");
      },
    });
    expect(await texts(client.doGet(ticket))).toEqual([
      { header: "schema", body: "", appMetadata: "" },
      { header: "batch", body: "body", appMetadata: "metadata" },
    ]);
  });
});

describe("a call of both directions", () => {
  it("puts messages, the descriptor with the first, and gives each answer", async () => {
    const { client } = await flightPeer({
      DoPut: async (call) => {
        for await (const message of readFlightData(call.requests)) {
          const subject = JSON.stringify(message.descriptor ?? null);
          const parts = [message.dataHeader, await message.collect(), message.appMetadata, subject];
          await call.write([encodePutResult(Buffer.from(parts.join("|")))]);
        }
      },
    });
    const messages = [
      { dataHeader: Buffer.from("schema") },
      { dataHeader: Buffer.from("one"), body: Buffer.from("whole") },
      { dataHeader: Buffer.from("two"), body: [Buffer.from("in "), Buffer.from("parts")] },
      {
        dataHeader: Buffer.from("three"),
        body: { sizeBytes: 5, chunks: [Buffer.from("as "), Buffer.alloc(0), Buffer.from("it")] },
      },
      { dataHeader: Buffer.alloc(0), appMetadata: Buffer.from("alone") },
    ];
    expect((await all(client.doPut(PATH, messages))).map(String)).toEqual([
      `schema|||${JSON.stringify(PATH)}`,
      "one|whole||null",
      "two|in parts||null",
      "three|as it||null",
      "||alone|null",
    ]);
  });

  it.each(["doPut", "doExchange"] as const)(
    "%s sends the descriptor when there is nothing else",
    async (method) => {
      const answer = async (call: Parameters<typeof sendData>[0]) => {
        const [first, ...more] = await all(readFlightData(call.requests));
        expect(first?.descriptor).toEqual(PATH);
        expect(more).toEqual([]);
      };
      const { client } = await flightPeer({ DoPut: answer, DoExchange: answer });
      expect(await all<unknown>(client[method](PATH, []))).toEqual([]);
    },
  );

  it("exchanges: an answer can be waited for before a message is made, also the first", async () => {
    const { client } = await flightPeer({
      DoExchange: async (call) => {
        for await (const { descriptor, dataHeader } of readFlightData(call.requests)) {
          await sendData(call, `${dataHeader}!`, Buffer.from(JSON.stringify(descriptor ?? null)));
        }
      },
    });
    const answered = new EventEmitter();
    const next = async () => String((await once(answered, "with"))[0]);
    async function* questions() {
      yield { dataHeader: Buffer.alloc(0), appMetadata: Buffer.from(await next()) };
      yield { dataHeader: Buffer.from(`after ${await next()}`) };
      yield { dataHeader: Buffer.from(`after ${await next()}`) };
    }
    const answers: string[][] = [];
    for await (const message of client.doExchange(PATH, questions())) {
      answers.push([String(message.dataHeader), String(await message.collect())]);
      answered.emit("with", message.dataHeader);
    }
    const path = JSON.stringify(PATH);
    expect(answers).toEqual([
      ["!", path],
      ["!", "null"],
      ["after !!", path],
      ["after after !!!", "null"],
    ]);
  });

  it("shakes hands", async () => {
    const { client } = await flightPeer({
      Handshake: async (call) => {
        const request = decodeMessageOf(HandshakeRequestSchema, await singleRequest(call, 100));
        const payload = Buffer.concat([request.payload, Buffer.from("!")]);
        await call.write([toBinary(HandshakeResponseSchema, create(HandshakeResponseSchema, { payload }))]);
      },
    });
    expect((await all(client.handshake([Buffer.from("me")]))).map(String)).toEqual(["me!"]);
  });
});
