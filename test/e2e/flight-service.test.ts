import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeSchema } from "../../src/arrow/schema.ts";
import { decodeHealthResponse, encodeHealthRequest } from "../../src/flight/health.ts";
import { encodeCriteria } from "../../src/flight/messages.ts";
import { FLIGHT_METHODS, HEALTH_METHODS } from "../../src/flight/methods.ts";
import { LIMITS } from "../../src/limits.ts";
import { decodeObjectRef } from "../../src/object/object-ref.ts";
import { startServer } from "../../src/service/start-server.ts";
import { FlightTestClient } from "../support/flight-client.ts";
import {
  commandDescriptor,
  opaqueRows,
  pathDescriptor,
  putMessages,
  valuePut,
} from "../support/flight-messages.ts";
import { type InProcessServer, serverConfig, startInProcess } from "../support/in-process-server.ts";
import { goldenStream, splitStream } from "../unit/arrow/golden.ts";

let server: InProcessServer;

beforeAll(async () => {
  server = await startInProcess();
});

afterAll(() => server.stop());

function refused(code: string): unknown {
  return expect.objectContaining({ code });
}

describe("an action", () => {
  const VALUE = Buffer.from("value").toString("base64");

  it.each(["app/actions", "app:actions"])("PUT stores a value under a new key of %s", async (prefix) => {
    const [answer] = await server.client.action("PUT", `${prefix}:${VALUE}`);
    const found = JSON.parse(answer!) as { key: string };
    expect(found).toEqual({
      endpoint: server.endpoint,
      key: expect.stringMatching(/^app\/actions\/[0-9a-f-]{36}$/),
      version: 1,
      size: 5,
    });
    expect(opaqueRows(await server.client.get(found.key))).toEqual([{ version: 1, data: "value" }]);
  });

  it("UPDATE stores a value under its key, in the next version", async () => {
    const answers = [
      await server.client.action("UPDATE", `app/actions/updated:${VALUE}`),
      await server.client.action("UPDATE", `app/actions/updated:${VALUE}`),
    ];
    expect(answers.map(([answer]) => (JSON.parse(answer!) as { version: number }).version)).toEqual([1, 2]);
  });

  it("DELETE deletes a key, a session, an application, and answers OK also when nothing was there", async () => {
    for (const key of ["gone/a/1", "gone/a/2", "gone/b/3", "gone/c/4"]) {
      await server.client.put(valuePut(pathDescriptor(key), "x"));
    }
    expect(await server.client.action("DELETE", "gone/a/1")).toEqual(["OK"]);
    expect(await server.client.keys("gone")).toEqual(["gone/a/2", "gone/b/3", "gone/c/4"]);
    expect(await server.client.action("DELETE", "gone:a")).toEqual(["OK"]);
    expect(await server.client.action("DELETE", "gone/b")).toEqual(["OK"]);
    expect(await server.client.keys("gone")).toEqual(["gone/c/4"]);
    expect(await server.client.action("DELETE", "gone/*")).toEqual(["OK"]);
    expect(await server.client.action("DELETE", "gone/*")).toEqual(["OK"]);
    expect(await server.client.keys("gone")).toEqual([]);
  });

  it("that does not exist is UNKNOWN_ACTION, and the error lists the actions", async () => {
    await expect(server.client.action("COMPACT")).rejects.toThrow(
      "[UNKNOWN_ACTION] known actions: PUT, UPDATE, DELETE",
    );
    await expect(server.client.action("constructor")).rejects.toThrow(refused("UNKNOWN_ACTION"));
  });

  it("is listed with a description", async () => {
    const actions = await server.client.listActions();
    const types = ["PUT", "UPDATE", "DELETE", "PIN", "UNPIN", "EXPIRE"];
    expect(actions.map(({ type }) => type)).toEqual([
      ...types,
      "RenewFlightEndpoint",
      "CancelFlightInfo",
      "WHY",
      "STATS",
      "TOP",
      "LOG",
    ]);
    expect(actions.filter(({ description }) => description.length < 20)).toEqual([]);
  });
});

describe("what is known of an object", () => {
  it("of a value: the opaque schema, a ticket, sizes and an ObjectRef", async () => {
    const ref = await server.client.put(valuePut(pathDescriptor("app/info/value"), "12345"));
    const info = await server.client.info("app", "info", "value");
    expect(info).toMatchObject({
      descriptor: { kind: "path", path: ["app", "info", "value"] },
      endpoints: [{ ticket: Buffer.from("app/info/value"), locations: [server.endpoint] }],
      totalRecords: 1,
      totalBytes: 5,
    });
    expect(decodeObjectRef(info.appMetadata)).toEqual({
      endpoint: server.endpoint,
      key: "app/info/value",
      version: ref.version,
    });
    expect(decodeSchema(info.schema.subarray(8)).fields.map(({ name }) => name)).toEqual(["version", "data"]);
  });

  it("of a table: its own schema, encapsulated, also by GetSchema", async () => {
    const [schema, ...batches] = splitStream(goldenStream("nested"));
    await server.client.put(putMessages(pathDescriptor("app/info/table"), schema!.header, batches));
    const info = await server.client.info("app/info/table");
    expect(Buffer.from(info.schema.subarray(8, 8 + schema!.header.length))).toEqual(
      Buffer.from(schema!.header),
    );
    expect(await server.client.schema("app/info/table")).toEqual(info.schema);
    expect(info.schema.length % 8).toBe(0);
  });

  it("has a ticket that leads to it also when its key ends as a version does", async () => {
    await server.client.put(valuePut(pathDescriptor("app/info/run:7"), "seven"));
    const { endpoints } = await server.client.info("app/info/run:7");
    expect(endpoints[0]!.ticket.toString()).toBe("app/info/run:7");
    expect(opaqueRows(await server.client.getTicket(endpoints[0]!.ticket))).toEqual([
      expect.objectContaining({ data: "seven" }),
    ]);
  });

  it("of nothing is OBJECT_NOT_FOUND", async () => {
    await expect(server.client.info("app/info/missing")).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
    await expect(server.client.schema("app/info/missing")).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
  });

  it("by a command is INVALID_REQUEST", async () => {
    const request = server.client.grpc.unary(
      FLIGHT_METHODS.GetFlightInfo.path,
      commandDescriptor("PATCH:a/b/c"),
    );
    await expect(request).rejects.toThrow(refused("INVALID_REQUEST"));
  });
});

describe("a list", () => {
  const KEYS = ["list/a/1", "list/a/2", "list/b/1"];

  beforeAll(async () => {
    for (const key of KEYS) await server.client.put(valuePut(pathDescriptor(key), key));
  });

  it.each([
    ["list", KEYS],
    ["list/*", KEYS],
    ["list/a", KEYS.slice(0, 2)],
    ["list/b/1", KEYS.slice(2)],
    ["list/c", []],
    ["nothing", []],
  ])("of %s names what is there", async (criteria, keys) => {
    expect(await server.client.keys(criteria)).toEqual(keys);
  });

  it("of everything names it all", async () => {
    expect(await server.client.keys()).toEqual(expect.arrayContaining(KEYS));
  });

  it.each(["list/a/1/2", "list/../a", "/", "*"])("of %j is INVALID_KEY", async (criteria) => {
    await expect(server.client.list(criteria)).rejects.toThrow(refused("INVALID_KEY"));
  });

  it("goes as slowly as it is read, and is whole in the end", async () => {
    const name = "n".repeat(190);
    // Each message holds the key three times: together more than what waits on both sides.
    const messageBytesMin = 9 * name.length;
    const waitingBytes = LIMITS.receiveQueueBytesMax + LIMITS.sendQueueBytesMax;
    const objects = Math.ceil(waitingBytes / messageBytesMin);
    const keys = Array.from({ length: objects }, (_, number) => `${name}/${name}/${name}${number}`);
    await Promise.all(keys.map((key) => server.client.put(valuePut(pathDescriptor(key), ""))));
    const call = server.client.grpc.open(FLIGHT_METHODS.ListFlights.path);
    await call.write([encodeCriteria(name)]);
    call.endRequests();
    const first = await call.responses.next();
    let receivedBytes = (await first!.collect(LIMITS.unaryMessageBytesMax)).length;
    let count = 1;
    // Nobody reads on: other calls are answered meanwhile.
    expect(await server.client.keys("list/b/1")).toEqual(["list/b/1"]);
    for (let message = await call.responses.next(); message !== null; message = await call.responses.next()) {
      receivedBytes += (await message.collect(LIMITS.unaryMessageBytesMax)).length;
      count += 1;
    }
    expect(count).toBe(keys.length);
    // So the server had to stop for the reader.
    expect(receivedBytes).toBeGreaterThan(waitingBytes);
  });
});

describe("a method that is not offered", () => {
  it.each(["Handshake", "DoExchange", "PollFlightInfo"] as const)("%s is NOT_IMPLEMENTED", async (name) => {
    const call = server.client.exchange(FLIGHT_METHODS[name].path, [Buffer.alloc(0)]);
    await expect(call).rejects.toThrow(refused("NOT_IMPLEMENTED"));
  });

  it("with a name that nobody knows is NOT_IMPLEMENTED", async () => {
    const call = server.client.exchange("/arrow.flight.protocol.FlightService/DoMagic", [Buffer.alloc(0)]);
    await expect(call).rejects.toThrow(refused("NOT_IMPLEMENTED"));
  });
});

describe("the health of the server", () => {
  const check = async (service: string) =>
    decodeHealthResponse(
      await server.client.grpc.unary(HEALTH_METHODS.Check.path, encodeHealthRequest(service)),
    );

  it.each(["", "arrow.flight.protocol.FlightService"])("of %j is serving", async (service) => {
    expect(await check(service)).toBe("serving");
  });

  it("of a service it does not have is NOT_FOUND", async () => {
    await expect(check("flame.Unknown")).rejects.toThrow("no such service");
  });

  it.each([
    ["", "serving"],
    ["flame.Unknown", "serviceUnknown"],
  ])("is watched for %j by a call that stays open", async (service, status) => {
    const call = server.client.grpc.open(HEALTH_METHODS.Watch.path);
    await call.write([encodeHealthRequest(service)]);
    call.endRequests();
    const answer = await (await call.responses.next())!.collect(100);
    expect(decodeHealthResponse(answer)).toBe(status);
    call.cancel();
    await expect(call.responses.next()).rejects.toThrow(refused("CANCELLED"));
  });

  it("turns to notServing for who watches when the server stops, which does not wait for them", async () => {
    const stopping = await startServer(serverConfig());
    await using client = new FlightTestClient(stopping.endpoint);
    const call = client.grpc.open(HEALTH_METHODS.Watch.path);
    await call.write([encodeHealthRequest("")]);
    call.endRequests();
    const next = async () => decodeHealthResponse(await (await call.responses.next())!.collect(100));
    expect(await next()).toBe("serving");
    const stopped = stopping.stop();
    expect(await next()).toBe("notServing");
    expect(await call.responses.next()).toBeNull();
    await stopped;
  });
});
