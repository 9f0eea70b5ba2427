/**
 * The server reflection over the network: with raw messages, and with grpcurl where it is installed.
 */
import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "../../src/flight/generated/reflection_pb.ts";
import { REFLECTION_METHODS } from "../../src/flight/methods.ts";
import { LIMITS } from "../../src/limits.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";

const run = promisify(execFile);
const absence = absenceOf("grpcurl");
let server: InProcessServer;

beforeAll(async () => {
  server = await startInProcess();
});

afterAll(() => server.stop());

/** Why a program cannot be run; undefined if it can. */
function absenceOf(program: string): string | undefined {
  try {
    execFileSync(program, ["-version"], { stdio: "pipe" });
    return undefined;
  } catch (error) {
    return `${program} is not there: ${(error as Error).message}`;
  }
}

function encode(fileContainingSymbol: string): Uint8Array {
  const messageRequest = { case: "fileContainingSymbol", value: fileContainingSymbol } as const;
  return toBinary(ServerReflectionRequestSchema, create(ServerReflectionRequestSchema, { messageRequest }));
}

describe("server reflection", () => {
  it.each(Object.entries(REFLECTION_METHODS))("%s answers each request in order", async (_, { path }) => {
    const symbols = ["grpc.health.v1.Health", "a.B", "arrow.flight.protocol.Ticket"];
    const answers = await server.client.exchange(path, symbols.map(encode));
    const cases = answers.map(
      (each) => fromBinary(ServerReflectionResponseSchema, each).messageResponse.case,
    );
    expect(cases).toEqual(["fileDescriptorResponse", "errorResponse", "fileDescriptorResponse"]);
  });

  it("answers before the client has ended its requests", async () => {
    const call = server.client.grpc.open(REFLECTION_METHODS.v1.path);
    await call.write([encode("grpc.health.v1.Health")]);
    const answer = await (await call.responses.next())!.collect(LIMITS.requestBytesMax);
    expect(answer.length).toBeGreaterThan(100);
    call.endRequests();
    expect(await call.responses.next()).toBeNull();
  });

  it("ends a call with too many requests", async () => {
    const requests = new Array(LIMITS.reflectionRequestsMax + 1).fill(encode("a.B"));
    const exchange = server.client.exchange(REFLECTION_METHODS.v1.path, requests);
    await expect(exchange).rejects.toThrow(/\[INVALID_REQUEST\] more than 1024 requests/);
  });

  it("ends a call with a request that is too large", async () => {
    const exchange = server.client.exchange(REFLECTION_METHODS.v1.path, [encode("a".repeat(5000))]);
    await expect(exchange).rejects.toThrow(/\[OBJECT_TOO_LARGE\]/);
  });
});

describe.skipIf(absence !== undefined)("grpcurl, if it is installed, without files", () => {
  const grpcurl = async (...args: string[]): Promise<string> => {
    const { stdout } = await run("grpcurl", ["-plaintext", new URL(server.endpoint).host, ...args]);
    return stdout;
  };

  it("lists the services and the methods", async () => {
    expect((await grpcurl("list")).split("\n")).toContain("arrow.flight.protocol.FlightService");
    expect(await grpcurl("list", "grpc.health.v1.Health")).toBe(
      "grpc.health.v1.Health.Check\ngrpc.health.v1.Health.Watch\n",
    );
  });

  it("describes a service and a message", async () => {
    expect(await grpcurl("describe", "arrow.flight.protocol.FlightService")).toContain(
      "rpc DoPut ( stream .arrow.flight.protocol.FlightData ) returns ( stream .arrow.flight.protocol.PutResult );",
    );
    expect(await grpcurl("describe", "arrow.flight.protocol.FlightInfo")).toContain("FlightEndpoint");
  });

  it("calls a method", async () => {
    expect(JSON.parse(await grpcurl("grpc.health.v1.Health/Check"))).toEqual({ status: "SERVING" });
    expect(await grpcurl("arrow.flight.protocol.FlightService/ListActions")).toContain('"type": "PIN"');
  });
});
