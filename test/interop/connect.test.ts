/**
 * `@connectrpc/connect-node` as client of our server, and as server of our client.
 *
 * Its gRPC transport over HTTP/2, as shipped (it offers gzip) unless a test says otherwise.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, decodeBinaryHeader, encodeBinaryHeader } from "@connectrpc/connect";
import { compressionGzip } from "@connectrpc/connect-node";
import { describe, expect, it, vi } from "vitest";
import type { CallHandler } from "../../src/grpc/call.ts";
import { LIMITS } from "../../src/limits.ts";
import {
  allOf,
  connectTransportOf,
  messages,
  serveByConnect,
  streamMethod,
  unaryMethod,
} from "../support/connect-calls.ts";
import { clientOf, serve } from "../support/grpc-peers.ts";
import { settled } from "../support/settled.ts";

const MIB = 1024 * 1024;
const VALUE = Buffer.from("value");
const REQUEST = Buffer.from(toBinary(BytesValueSchema, create(BytesValueSchema, { value: VALUE })));

describe("a connect client of our server", () => {
  it.each([0, 1, 5000, 300_000, 20 * MIB])("gets %d bytes back", async (sizeBytes) => {
    const value = Buffer.alloc(sizeBytes, "abc");
    const transport = connectTransportOf(await serve());
    const answer = await transport.unary(unaryMethod("Unary"), undefined, undefined, {}, { value });
    expect(value.equals(answer.message.value)).toBe(true);
  });

  it("gets its metadata back in the trailers, text and binary", async () => {
    const bytes = new Uint8Array([0, 255, 1]);
    const headers = { "x-echo": "a b", "x-echo-bin": encodeBinaryHeader(bytes) };
    const transport = connectTransportOf(await serve());
    const answer = await transport.unary(unaryMethod("Unary"), undefined, undefined, headers, {
      value: VALUE,
    });
    expect(answer.trailer.get("x-echo")).toBe("a b");
    expect(decodeBinaryHeader(answer.trailer.get("x-echo-bin") ?? "")).toEqual(bytes);
  });

  it.each(["0", "500"])("reads a stream of %s messages", async (count) => {
    const transport = connectTransportOf(await serve());
    const headers = { "x-count": count };
    const method = streamMethod("serverStream");
    const answer = await transport.stream(method, undefined, undefined, headers, messages(1, VALUE));
    expect(await allOf(answer.message)).toEqual(Array(Number(count)).fill(VALUE));
  });

  it("sends a stream", async () => {
    const transport = connectTransportOf(await serve());
    const answer = await transport.stream(
      streamMethod("clientStream"),
      undefined,
      undefined,
      {},
      messages(500, VALUE),
    );
    expect(await allOf(answer.message)).toEqual([VALUE]);
    expect(answer.trailer.get("x-count")).toBe("500");
  });

  it("talks both ways", async () => {
    const transport = connectTransportOf(await serve());
    const answer = await transport.stream(
      streamMethod("bidi"),
      undefined,
      undefined,
      {},
      messages(200, VALUE),
    );
    expect(await allOf(answer.message)).toEqual(Array(200).fill(VALUE));
  });

  it("gets an error, its text and trailers behind the messages", async () => {
    const headers = { "x-count": "2", "x-code": "OBJECT_NOT_FOUND", "x-text": "50% of it", "x-echo": "e" };
    const transport = connectTransportOf(await serve());
    const answer = await transport.stream(
      streamMethod("fail"),
      undefined,
      undefined,
      headers,
      messages(1, VALUE),
    );
    const failure = ConnectError.from(await allOf(answer.message).catch((error: unknown) => error));
    expect(failure).toMatchObject({ code: Code.NotFound, rawMessage: "[OBJECT_NOT_FOUND] 50% of it" });
    expect(failure.metadata.get("x-echo")).toBe("e");
  });

  it("gets a typed error in the middle of its upload", async () => {
    const transport = connectTransportOf(await serve());
    const upload = async () => {
      const method = streamMethod("refuse");
      const answer = await transport.stream(
        method,
        undefined,
        undefined,
        {},
        messages(64, Buffer.alloc(MIB)),
      );
      return await allOf(answer.message);
    };
    await expect(upload()).rejects.toMatchObject({ code: Code.ResourceExhausted });
  });

  it("may send messages compressed by gzip", async () => {
    const options = { sendCompression: compressionGzip, compressMinBytes: 100 };
    const transport = connectTransportOf(await serve(), options);
    const value = Buffer.alloc(10_000, "gzip");
    const answer = await transport.unary(unaryMethod("Unary"), undefined, undefined, {}, { value });
    expect(Buffer.from(answer.message.value).equals(value)).toBe(true);
  });

  it("gets DEADLINE_EXCEEDED, and the server lets go of the call", async () => {
    const served = await serve();
    const transport = connectTransportOf(served);
    const failed = transport.unary(unaryMethod("Hang"), undefined, 200, {}, { value: VALUE });
    await expect(failed).rejects.toMatchObject({ code: Code.DeadlineExceeded });
    await vi.waitFor(() => expect(served.server.openCalls).toBe(0));
  });

  it("cancels, and the server lets go of the call", async () => {
    const served = await serve();
    const abort = new AbortController();
    const call = connectTransportOf(served).unary(
      unaryMethod("Hang"),
      abort.signal,
      undefined,
      {},
      { value: VALUE },
    );
    const failed = expect(call).rejects.toMatchObject({ code: Code.Canceled });
    await vi.waitFor(() => expect(served.server.openCalls).toBe(1));
    abort.abort();
    await failed;
    await vi.waitFor(() => expect(served.server.openCalls).toBe(0));
  });

  it("that reads slowly holds the server up, and gets all of it in the end", async () => {
    let sent = 0;
    const value = Buffer.from(
      toBinary(BytesValueSchema, create(BytesValueSchema, { value: Buffer.alloc(MIB) })),
    );
    const send: CallHandler = async (call) => {
      for (; sent < 100; sent++) await call.write([value]);
    };
    const transport = connectTransportOf(await serve({ "/test.Echo/ServerStream": send }));
    const method = streamMethod("serverStream");
    const answer = await transport.stream(method, undefined, undefined, {}, messages(1, VALUE));
    const stream = answer.message[Symbol.asyncIterator]();
    await stream.next();
    expect(await settled(() => sent)).toBeLessThan(20);
    expect(await allOf({ [Symbol.asyncIterator]: () => stream })).toHaveLength(99);
  });

  it("that sends faster than the handler reads is held up", async () => {
    let yielded = 0;
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const receive: CallHandler = async (call) => {
      await released;
      for (let message = await call.requests.next(); message !== null; message = await call.requests.next()) {
        await message.collect(2 * MIB);
      }
    };
    async function* source(): AsyncGenerator<{ value: Buffer }> {
      for (; yielded < 100; yielded++) yield { value: Buffer.alloc(MIB) };
    }
    const transport = connectTransportOf(await serve({ "/test.Echo/Bidi": receive }));
    const answer = transport.stream(streamMethod("bidi"), undefined, undefined, {}, source());
    const held = await settled(() => yielded);
    expect(held * MIB).toBeLessThan(2 * LIMITS.receiveQueueBytesMax + 2 * LIMITS.streamWindowBytes + 4 * MIB);
    release();
    expect(await allOf((await answer).message)).toEqual([]);
    expect(yielded).toBe(100);
  });
});

describe("our client of a connect server", () => {
  it("gets its message and metadata back", async () => {
    const call = clientOf(await serveByConnect()).open("/test.Echo/Unary", {
      metadata: { "x-echo-bin": Buffer.from([0, 255]) },
    });
    await call.write([REQUEST]);
    call.endRequests();
    expect(await (await call.responses.next())?.collect(100)).toEqual(REQUEST);
    expect(await call.responses.next()).toBeNull();
    expect(call.trailers?.getBinary("x-echo-bin")).toEqual(Buffer.from([0, 255]));
  });

  it("gets its errors", async () => {
    const client = clientOf(await serveByConnect());
    const ours = client.unary("/test.Echo/Unary", REQUEST, {
      metadata: { "x-fail": "[OBJECT_NOT_FOUND] none" },
    });
    await expect(ours).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
    const theirs = client.unary("/test.Echo/Unary", REQUEST, { metadata: { "x-fail": "none" } });
    await expect(theirs).rejects.toMatchObject({ status: "NOT_FOUND", message: "none" });
    await expect(client.unary("/test.Echo/None", REQUEST)).rejects.toMatchObject({ status: "UNIMPLEMENTED" });
  });

  it("reads streams, sends streams, and both", async () => {
    const client = clientOf(await serveByConnect());
    const down = client.open("/test.Echo/ServerStream", { metadata: { "x-count": "300" } });
    await down.write([REQUEST]);
    down.endRequests();
    for (let i = 0; i < 300; i++) expect(await (await down.responses.next())?.collect(100)).toEqual(REQUEST);
    expect(await down.responses.next()).toBeNull();

    const up = client.open("/test.Echo/ClientStream");
    for (let i = 0; i < 300; i++) await up.write([REQUEST]);
    up.endRequests();
    expect(String(await (await up.responses.next())?.collect(100))).toContain(String(300 * VALUE.length));

    const both = client.open("/test.Echo/Bidi");
    await both.write([REQUEST]);
    expect(await (await both.responses.next())?.collect(100)).toEqual(REQUEST);
    both.endRequests();
    expect(await both.responses.next()).toBeNull();
  });
});
