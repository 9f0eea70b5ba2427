/**
 * The gRPC status and text of every error a client can cause, seen by @grpc/grpc-js: pyarrow folds several into one.
 *
 * Calls are made with hand-written protobuf, so that methods which pyarrow does not offer are tried as well.
 */
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/start-server.ts";

const SERVICE = "/arrow.flight.protocol.FlightService";
const DEADLINE_MS = 30_000;

/** A length-delimited protobuf field; number and size under 16 and 128. */
function field(number: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}

const pathOf = (key: string): Buffer => Buffer.concat([Buffer.from([8, 1]), field(3, key)]);
const action = (type: string, body: string): Buffer => Buffer.concat([field(1, type), field(2, body)]);

let server: TestServer;
let client: Client;

beforeAll(async () => {
  server = await startServer({ storage: "none" });
  client = new Client(server.endpoint.replace("grpc://", ""), credentials.createInsecure());
});

afterAll(async () => {
  client.close();
  await server.stop();
});

/** Calls a method with one message and gives the error it ends with. */
function errorOf(method: string, message: Buffer): Promise<ServiceError> {
  return new Promise((resolve, reject) => {
    const same = (bytes: Buffer): Buffer => bytes;
    const deadline = Date.now() + DEADLINE_MS;
    const call = client.makeServerStreamRequest(method, same, same, message, { deadline });
    call.on("data", () => {});
    call.on("error", (error: ServiceError) => resolve(error));
    call.on("end", () => reject(new Error(`${method} was answered`)));
  });
}

const ERRORS: [string, string, Buffer, number, string][] = [
  ["Handshake", "Handshake", Buffer.alloc(0), status.UNIMPLEMENTED, "NOT_IMPLEMENTED"],
  ["DoExchange", "DoExchange", Buffer.alloc(0), status.UNIMPLEMENTED, "NOT_IMPLEMENTED"],
  ["PollFlightInfo", "PollFlightInfo", pathOf("a/s/o"), status.UNIMPLEMENTED, "NOT_IMPLEMENTED"],
  ["a ticket of a missing object", "DoGet", field(1, "a/s/o"), status.NOT_FOUND, "OBJECT_NOT_FOUND"],
  ["a ticket with a bad key", "DoGet", field(1, "a/../o"), status.INVALID_ARGUMENT, "INVALID_KEY"],
  ["a ticket that is not UTF-8", "DoGet", field(1, Buffer.of(0xff)), status.INVALID_ARGUMENT, "INVALID_"],
  ["info of a missing object", "GetFlightInfo", pathOf("a/s/o"), status.NOT_FOUND, "OBJECT_NOT_FOUND"],
  ["the schema of a bad key", "GetSchema", pathOf("a//o"), status.INVALID_ARGUMENT, "INVALID_KEY"],
  ["bad criteria", "ListFlights", field(1, "../s"), status.INVALID_ARGUMENT, "INVALID_KEY"],
  ["an unknown action", "DoAction", action("NO", ""), status.INVALID_ARGUMENT, "UNKNOWN_ACTION"],
  ["a bad action body", "DoAction", action("UPDATE", "x"), status.INVALID_ARGUMENT, "INVALID_"],
  [
    "an action that is no protobuf",
    "DoAction",
    Buffer.from("ffff", "hex"),
    status.INVALID_ARGUMENT,
    "INVALID_",
  ],
  ["a put that is no protobuf", "DoPut", Buffer.from("ffff", "hex"), status.INVALID_ARGUMENT, "INVALID_"],
  ["a put of nothing", "DoPut", Buffer.alloc(0), status.INVALID_ARGUMENT, "INVALID_"],
];

describe("an error that a client causes", () => {
  test.each(ERRORS)("has its status and begins with its code: %s", async (_, method, message, code, text) => {
    const error = await errorOf(`${SERVICE}/${method}`, message);
    expect({ code: error.code, details: error.details }).toEqual({
      code,
      details: expect.stringMatching(new RegExp(`^\\[${text}`)),
    });
  });

  test("is UNIMPLEMENTED for a method or service nobody offers", async () => {
    expect((await errorOf(`${SERVICE}/Nothing`, Buffer.alloc(0))).code).toBe(status.UNIMPLEMENTED);
    expect((await errorOf("/example.Other/Get", Buffer.alloc(0))).code).toBe(status.UNIMPLEMENTED);
  });
});
