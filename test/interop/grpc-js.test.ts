/**
 * `@grpc/grpc-js` as client of our server, and as server of our client.
 *
 * Every kind of call, metadata, errors, deadlines, cancellation, large messages, and that neither side is flooded.
 */
import { once } from "node:events";
import { compressionAlgorithms, status } from "@grpc/grpc-js";
import { describe, expect, it, vi } from "vitest";
import type { CallHandler } from "../../src/grpc/call.ts";
import { LIMITS } from "../../src/limits.ts";
import {
  asBytes,
  grpcJsClientOf,
  serveByGrpcJs,
  streamOutcome,
  unaryOutcome,
  wordsOf,
} from "../support/grpc-js-calls.ts";
import { clientOf, serve } from "../support/grpc-peers.ts";
import { settled } from "../support/settled.ts";

const MIB = 1024 * 1024;
const REQUEST = Buffer.from("request");

describe("a grpc-js client of our server", () => {
  it.each([0, 1, 5000, 300_000, 20 * MIB])("gets %d bytes back", async (sizeBytes) => {
    const request = Buffer.alloc(sizeBytes, "abc");
    const { answer } = await unaryOutcome(grpcJsClientOf(await serve()), "/test.Echo/Unary", request);
    expect(answer?.equals(request)).toBe(true);
  });

  it("gets its metadata back in the trailers, text and binary", async () => {
    const metadata = { "x-echo": "a b", "x-echo-bin": Buffer.from([0, 255, 1]) };
    const client = grpcJsClientOf(await serve());
    const { trailers } = await unaryOutcome(client, "/test.Echo/Unary", REQUEST, { metadata });
    expect(trailers.get("x-echo")).toEqual(["a b"]);
    expect(trailers.get("x-echo-bin")).toEqual([Buffer.from([0, 255, 1])]);
  });

  it("reads a stream of the server to its end", async () => {
    const [metadata, options] = wordsOf({ metadata: { "x-count": "500" } });
    const client = grpcJsClientOf(await serve());
    const call = client.makeServerStreamRequest(
      "/test.Echo/ServerStream",
      asBytes,
      asBytes,
      REQUEST,
      metadata,
      options,
    );
    expect(await streamOutcome(call)).toMatchObject({ code: status.OK, messages: Array(500).fill(REQUEST) });
  });

  it("reads an empty stream of the server", async () => {
    const client = grpcJsClientOf(await serve());
    const call = client.makeServerStreamRequest("/test.Echo/ServerStream", asBytes, asBytes, REQUEST);
    expect(await streamOutcome(call)).toMatchObject({ code: status.OK, messages: [] });
  });

  it("sends a stream", async () => {
    const client = grpcJsClientOf(await serve());
    const outcome = new Promise((resolve) => {
      const call = client.makeClientStreamRequest("/test.Echo/ClientStream", asBytes, asBytes, (_, answer) =>
        resolve(answer),
      );
      for (let i = 0; i < 500; i++) call.write(REQUEST);
      call.end();
    });
    expect(await outcome).toEqual(REQUEST);
  });

  it("talks both ways, message by message", async () => {
    const call = grpcJsClientOf(await serve()).makeBidiStreamRequest("/test.Echo/Bidi", asBytes, asBytes);
    for (const text of ["one", "two", "three"]) {
      call.write(Buffer.from(text));
      expect(String((await once(call, "data"))[0])).toBe(text);
    }
    const ended = once(call, "end");
    call.end();
    await ended;
  });

  it.each(["0", "3"])("gets an error and its text after %s messages", async (count) => {
    const words = { "x-count": count, "x-code": "OBJECT_CORRUPT", "x-text": "50% of it", "x-echo": "e" };
    const client = grpcJsClientOf(await serve());
    const [metadata, options] = wordsOf({ metadata: words });
    const call = client.makeServerStreamRequest(
      "/test.Echo/Fail",
      asBytes,
      asBytes,
      REQUEST,
      metadata,
      options,
    );
    const outcome = await streamOutcome(call);
    expect(outcome).toMatchObject({ code: status.DATA_LOSS, details: "[OBJECT_CORRUPT] 50% of it" });
    expect(outcome.messages).toHaveLength(Number(count));
    expect(outcome.trailers.get("x-echo")).toEqual(["e"]);
  });

  it("gets a typed error in the middle of its upload", async () => {
    const client = grpcJsClientOf(await serve());
    const failed = new Promise((resolve) => {
      const call = client.makeClientStreamRequest("/test.Echo/Refuse", asBytes, asBytes, resolve);
      call.on("error", () => undefined);
      for (let i = 0; i < 64; i++) call.write(Buffer.alloc(MIB));
    });
    expect(await failed).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: expect.stringMatching(/STORAGE_FULL/),
    });
  });

  it("gets UNIMPLEMENTED for an unknown method", async () => {
    const unknown = await unaryOutcome(grpcJsClientOf(await serve()), "/test.Echo/None", REQUEST);
    expect(unknown.error).toMatchObject({ code: status.UNIMPLEMENTED });
  });

  it.each([
    ["gzip", undefined],
    ["deflate", status.UNIMPLEMENTED],
  ] as const)("that compresses by %s ends with the status %s", async (name, code) => {
    const options = { "grpc.default_compression_algorithm": compressionAlgorithms[name] };
    const client = grpcJsClientOf(await serve(), options);
    const outcome = await unaryOutcome(client, "/test.Echo/Unary", Buffer.alloc(10_000));
    expect(outcome.error?.code).toBe(code);
  });

  it("gets DEADLINE_EXCEEDED, and the server lets go of the call", async () => {
    const served = await serve();
    const { error } = await unaryOutcome(grpcJsClientOf(served), "/test.Echo/Hang", REQUEST, {
      deadlineMs: 200,
    });
    expect(error).toMatchObject({ code: status.DEADLINE_EXCEEDED });
    await vi.waitFor(() => expect(served.server.openCalls).toBe(0));
  });

  it("cancels, and the server lets go of the call", async () => {
    const served = await serve();
    const client = grpcJsClientOf(served);
    const failed = new Promise((resolve) => {
      const call = client.makeUnaryRequest("/test.Echo/Hang", asBytes, asBytes, REQUEST, resolve);
      void vi.waitFor(() => expect(served.server.openCalls).toBe(1)).then(() => call.cancel());
    });
    expect(await failed).toMatchObject({ code: status.CANCELLED });
    await vi.waitFor(() => expect(served.server.openCalls).toBe(0));
  });

  it("goes on with a new connection when the server was stopped and another is there", async () => {
    const first = await serve();
    const client = grpcJsClientOf(first);
    await unaryOutcome(client, "/test.Echo/Unary", REQUEST);
    await first.server.close();
    const second = await serve();
    await second.server.listen("127.0.0.1", first.port);
    const answer = async () => (await unaryOutcome(client, "/test.Echo/Unary", REQUEST)).answer;
    await vi.waitFor(async () => expect(await answer()).toEqual(REQUEST), { timeout: 20_000 });
  });

  it("that reads slowly holds the server up, and gets all of it in the end", async () => {
    let sent = 0;
    const send: CallHandler = async (call) => {
      for (; sent < 200; sent++) await call.write([Buffer.alloc(MIB)]);
    };
    const client = grpcJsClientOf(await serve({ "/test.Echo/Send": send }));
    const call = client.makeServerStreamRequest("/test.Echo/Send", asBytes, asBytes, REQUEST);
    const outcome = streamOutcome(call);
    await once(call, "data");
    call.pause();
    // 16 messages wait in the library, the rest in windows and queues.
    expect(await settled(() => sent)).toBeLessThan(40);
    call.resume();
    expect(await outcome).toMatchObject({ code: status.OK, messages: { length: 200 } });
  });

  it("that sends faster than the handler reads is held up", async () => {
    let accepted = 0;
    const { promise, release } = gate();
    const receive: CallHandler = async (call) => {
      await promise;
      for (let message = await call.requests.next(); message !== null; message = await call.requests.next()) {
        await message.collect(MIB);
      }
    };
    const client = grpcJsClientOf(await serve({ "/test.Echo/Receive": receive }));
    const call = client.makeBidiStreamRequest("/test.Echo/Receive", asBytes, asBytes);
    const outcome = streamOutcome(call);
    for (let i = 0; i < 100; i++) call.write(Buffer.alloc(MIB), () => accepted++);
    call.end();
    const held = await settled(() => accepted);
    expect(held * MIB).toBeLessThan(2 * LIMITS.receiveQueueBytesMax + 2 * LIMITS.streamWindowBytes + 2 * MIB);
    release();
    expect(await outcome).toMatchObject({ code: status.OK });
    expect(accepted).toBe(100);
  });
});

function gate(): { promise: Promise<void>; release: () => void } {
  let release = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { promise, release: () => release() };
}

describe("our client of a grpc-js server", () => {
  it.each([0, 5000, 20 * MIB])("gets %d bytes back", async (sizeBytes) => {
    const client = clientOf(await serveByGrpcJs());
    const request = Buffer.alloc(sizeBytes, "abc");
    expect(request.equals(await client.unary("/test.Echo/Unary", request))).toBe(true);
  });

  it("sends and reads binary metadata", async () => {
    const call = clientOf(await serveByGrpcJs()).open("/test.Echo/Unary", {
      metadata: { "x-echo-bin": Buffer.from([0, 255]) },
    });
    await call.write([REQUEST]);
    call.endRequests();
    await (await call.responses.next())?.collect(100);
    expect(await call.responses.next()).toBeNull();
    expect(call.trailers?.getBinary("x-echo-bin")).toEqual(Buffer.from([0, 255]));
  });

  it.each([
    ["[OBJECT_NOT_FOUND] in our words", { name: "CacheError", code: "OBJECT_NOT_FOUND" }],
    ["in other words: é 100%", { name: "GrpcError", status: "NOT_FOUND", message: "in other words: é 100%" }],
  ])("gets its errors: %s", async (text, error) => {
    const options = { metadata: { "x-fail": encodeURIComponent(text) } };
    const failed = clientOf(await serveByGrpcJs()).unary("/test.Echo/Unary", REQUEST, options);
    await expect(failed).rejects.toMatchObject(error);
  });

  it("reads streams, sends streams, and both", async () => {
    const client = clientOf(await serveByGrpcJs());
    const down = client.open("/test.Echo/ServerStream", { metadata: { "x-count": "300" } });
    await down.write([REQUEST]);
    down.endRequests();
    let count = 0;
    for (let each = await down.responses.next(); each !== null; each = await down.responses.next()) {
      expect(await each.collect(100)).toEqual(REQUEST);
      count++;
    }
    expect(count).toBe(300);

    const up = client.open("/test.Echo/ClientStream");
    for (let i = 0; i < 300; i++) await up.write([Buffer.alloc(100_000)]);
    up.endRequests();
    expect(String(await (await up.responses.next())?.collect(100))).toBe("30000000");

    const both = client.open("/test.Echo/Bidi");
    await both.write([REQUEST]);
    expect(await (await both.responses.next())?.collect(100)).toEqual(REQUEST);
    both.endRequests();
    expect(await both.responses.next()).toBeNull();
  });

  it("gives up at its deadline and when it is told to", async () => {
    const client = clientOf(await serveByGrpcJs());
    const late = client.unary("/test.Echo/Hang", REQUEST, { timeoutMs: 100 });
    await expect(late).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    const told = client.unary("/test.Echo/Hang", REQUEST, { signal: AbortSignal.timeout(50) });
    await expect(told).rejects.toMatchObject({ code: "CANCELLED" });
  });
});
