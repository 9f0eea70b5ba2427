/**
 * Puts that are refused or broken off: each a typed error, and nothing is left of it on disk.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { FLIGHT_METHODS } from "../../src/flight/methods.ts";
import { flightData, pathDescriptor, putMessages, valuePut } from "../support/flight-messages.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { CLIENT_OPAQUE_SCHEMA, encodeOpaqueBatch } from "../support/opaque-batch.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const directory = temporaryDirectory("flight-service");
let server: InProcessServer;

beforeAll(async () => {
  server = await startInProcess(directory.path);
});

afterAll(async () => {
  await server.stop();
  directory.remove();
});

function refused(code: string): unknown {
  return expect.objectContaining({ code });
}

describe("a put that is refused", () => {
  const batch = encodeOpaqueBatch({ cells: [Buffer.from("data")] });
  const descriptor = pathDescriptor("app/refused/object");
  const schema = CLIENT_OPAQUE_SCHEMA;

  it.each([
    ["INVALID_REQUEST", "no descriptor", [flightData({ header: schema })]],
    ["INVALID_REQUEST", "no messages", []],
    ["INVALID_REQUEST", "an empty message", [Buffer.alloc(0)]],
    ["INVALID_REQUEST", "no schema", [flightData({ descriptor })]],
    [
      "INVALID_REQUEST",
      "a second message without a header before its schema",
      [flightData({ descriptor }), Buffer.alloc(0), flightData({ header: schema })],
    ],
    [
      "INVALID_KEY",
      "a path of one component",
      [flightData({ descriptor: pathDescriptor("app"), header: schema })],
    ],
    ["INVALID_KEY", "an empty path", [flightData({ descriptor: pathDescriptor(), header: schema })]],
    [
      "INVALID_REQUEST",
      "a descriptor that is none",
      [flightData({ descriptor: Buffer.from("0800", "hex") })],
    ],
    ["INVALID_IPC", "a batch for a schema", [flightData({ descriptor, ...batch })]],
    [
      "INVALID_IPC",
      "a schema with a body",
      [flightData({ descriptor, header: schema, body: Buffer.alloc(8) })],
    ],
    [
      "INVALID_IPC",
      "a second schema",
      [flightData({ descriptor, header: schema }), flightData({ header: schema })],
    ],
    ["INVALID_IPC", "a header that is none", [flightData({ descriptor, header: Buffer.alloc(64, 1) })]],
    [
      "INVALID_REQUEST",
      "a message with metadata and nothing else behind the schema",
      [flightData({ descriptor, header: schema }), flightData({ appMetadata: "alone" })],
    ],
    [
      "INVALID_REQUEST",
      "a body without a header",
      [flightData({ descriptor, header: schema }), flightData({ body: batch.body })],
    ],
    [
      "INVALID_IPC",
      "a body shorter than its message says",
      [flightData({ descriptor, header: schema }), flightData({ ...batch, body: batch.body.subarray(8) })],
    ],
    [
      "INVALID_IPC",
      "a body longer than its message says",
      [
        flightData({ descriptor, header: schema }),
        flightData({ ...batch, body: Buffer.concat([batch.body, Buffer.alloc(8)]) }),
      ],
    ],
    ["INVALID_IPC", "bytes that are no protobuf", [Buffer.alloc(20, 0xff)]],
  ])("with %s for %s leaves no object", async (code, _, messages) => {
    await expect(server.client.putAll(messages)).rejects.toThrow(refused(code));
    await expect(server.client.info("app/refused/object")).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
  });

  it("is told so in the middle of a long upload", async () => {
    const long = Array.from({ length: 40 }, () => flightData({ ...batch, body: Buffer.alloc(1024 * 1024) }));
    const put = server.client.putAll([flightData({ descriptor, header: schema }), ...long]);
    await expect(put).rejects.toThrow(refused("INVALID_IPC"));
  });
});

describe("a put that is broken off", () => {
  /** What the descriptors of this process lead to. The server opens its journal once, with its first events. */
  function openFiles(): string[] {
    const targets = readdirSync("/proc/self/fd").map(targetOf);
    return targets.filter((target) => !target.startsWith(`${directory.path}/.journal/`));
  }

  function targetOf(descriptor: string): string {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`);
    } catch {
      return "closed meanwhile";
    }
  }

  it("leaves no object, no staged file and no descriptor", async () => {
    const before = openFiles().length;
    const batch = encodeOpaqueBatch({ cells: [Buffer.alloc(3 * 1024 * 1024)] });
    const [schema, data] = putMessages(pathDescriptor("app/broken/object"), CLIENT_OPAQUE_SCHEMA, [batch]);
    const call = server.client.grpc.open(FLIGHT_METHODS.DoPut.path);
    await call.write([schema!]);
    await call.startMessage(data!.length, [data!.subarray(0, 2 * 1024 * 1024)]);
    await vi.waitFor(() => expect(readdirSync(`${directory.path}/.staging`)).toHaveLength(1), {
      timeout: 5000,
    });
    call.cancel();
    await vi.waitFor(() => expect(readdirSync(`${directory.path}/.staging`)).toEqual([]), { timeout: 5000 });
    await vi.waitFor(() => expect(openFiles().length).toBeLessThanOrEqual(before), { timeout: 5000 });
    await expect(server.client.info("app/broken/object")).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
  });

  it("by its end inside a message is INVALID_REQUEST and leaves nothing", async () => {
    const [schema, data] = valuePut(pathDescriptor("app/broken/cut"), "value");
    const call = server.client.grpc.open(FLIGHT_METHODS.DoPut.path);
    await call.write([schema!]);
    await call.startMessage(data!.length, [data!.subarray(0, 20)]);
    call.endRequests();
    await expect(call.responses.next()).rejects.toThrow(refused("INVALID_REQUEST"));
    await expect(server.client.info("app/broken/cut")).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
  });

  it("by its deadline is DEADLINE_EXCEEDED and leaves nothing", async () => {
    const [schema] = valuePut(pathDescriptor("app/broken/late"), "value");
    const call = server.client.grpc.open(FLIGHT_METHODS.DoPut.path, { timeoutMs: 50 });
    await call.write([schema!]);
    await expect(call.responses.next()).rejects.toThrow(refused("DEADLINE_EXCEEDED"));
    await expect(server.client.info("app/broken/late")).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
  });
});
