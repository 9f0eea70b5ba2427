/**
 * Requests as other peers may send them, over plain HTTP/2.
 *
 * What is not gRPC is answered in HTTP's words, what is gRPC but wrong by a status without a body.
 */
import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import { http2Of, serve } from "../../support/grpc-peers.ts";

const GRPC: OutgoingHttpHeaders = {
  ":method": "POST",
  ":path": "/test.Echo/Unary",
  "content-type": "application/grpc",
  te: "trailers",
};

const OVERSIZED = { ...GRPC, "x-large": "x".repeat(LIMITS.callMetadataBytesMax) };
/** Lets a client send more than its server takes. */
const UNBOUNDED = { maxSendHeaderBlockLength: 4 * LIMITS.callMetadataBytesMax };

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A message behind its prefix. */
function messageOf(body: Buffer, flag = 0): Buffer {
  const prefix = Buffer.from([flag, 0, 0, 0, 0]);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

/** Sends a request and reads the whole answer; rejects when the stream is reset with an error. */
function answerTo(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body: Buffer = Buffer.alloc(5),
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: false });
    const answer = { headers: {}, trailers: {}, body: Buffer.alloc(0) };
    stream.on("response", (received) => Object.assign(answer.headers, received));
    stream.on("trailers", (received) => Object.assign(answer.trailers, received));
    stream.on("data", (chunk: Buffer) => {
      answer.body = Buffer.concat([answer.body, chunk]);
    });
    stream.on("error", reject);
    stream.on("close", () => resolve(answer));
    stream.end(body);
  });
}

describe("a request that is not gRPC", () => {
  it.each(["GET", "PUT", "HEAD", "DELETE"])("is answered 405 for %s", async (method) => {
    const session = http2Of(await serve());
    const { headers } = await answerTo(session, { ...GRPC, ":method": method });
    expect(headers).toMatchObject({ ":status": 405, allow: "POST" });
  });

  it.each([
    "application/json",
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpcx",
    "text/plain",
  ])("is answered 415 for the content type %s", async (type) => {
    const { headers } = await answerTo(http2Of(await serve()), { ...GRPC, "content-type": type });
    expect(headers[":status"]).toBe(415);
  });

  it("is answered 415 without a content type", async () => {
    const { headers } = await answerTo(http2Of(await serve()), { ...GRPC, "content-type": undefined });
    expect(headers[":status"]).toBe(415);
  });

  it("leaves the connection usable", async () => {
    const session = http2Of(await serve());
    await answerTo(session, { ...GRPC, "content-type": "text/plain" }, Buffer.alloc(300_000));
    expect((await answerTo(session, GRPC)).trailers["grpc-status"]).toBe("0");
  });
});

describe("a gRPC request", () => {
  it.each([
    "application/grpc",
    "application/grpc+proto",
    "application/grpc;charset=utf-8",
    "Application/GRPC",
  ])("may come as %s", async (type) => {
    const answer = await answerTo(http2Of(await serve()), { ...GRPC, "content-type": type });
    expect(answer.headers).toMatchObject({ ":status": 200, "content-type": "application/grpc" });
    expect(answer.trailers["grpc-status"]).toBe("0");
    expect(answer.body).toEqual(Buffer.alloc(5));
  });

  it("is answered with the status alone when it fails before a message", async () => {
    const answer = await answerTo(http2Of(await serve()), { ...GRPC, ":path": "/test.Echo/Unary/x" });
    expect(answer.headers).toMatchObject({ ":status": 200, "grpc-status": "12" });
    expect(answer.headers["grpc-message"]).toBe("[NOT_IMPLEMENTED] no such method");
    expect(answer.trailers).toEqual({});
    expect(answer.body).toHaveLength(0);
  });

  it.each([
    ["without te", { te: undefined }],
    ["with a timeout of no unit", { "grpc-timeout": "10" }],
    ["with a timeout of nine digits", { "grpc-timeout": "123456789m" }],
  ])("is INVALID_ARGUMENT %s", async (_, headers) => {
    const answer = await answerTo(http2Of(await serve()), { ...GRPC, ...headers });
    expect(answer.headers["grpc-status"]).toBe("3");
  });

  it("may come compressed by gzip, and is answered uncompressed", async () => {
    const body = Buffer.alloc(10_000, "gzip");
    const request = { ...GRPC, "grpc-encoding": "gzip" };
    const answer = await answerTo(http2Of(await serve()), request, messageOf(gzipSync(body), 1));
    expect(answer.headers).toMatchObject({ "grpc-accept-encoding": "identity,gzip" });
    expect(answer.headers["grpc-encoding"]).toBeUndefined();
    expect(answer.trailers["grpc-status"]).toBe("0");
    expect(answer.body.equals(messageOf(body))).toBe(true);
  });

  it.each(["deflate", "snappy", "gzip2"])(
    "is UNIMPLEMENTED when its message is compressed by %s, and is told what is taken",
    async (encoding) => {
      const request = { ...GRPC, "grpc-encoding": encoding };
      const { headers } = await answerTo(http2Of(await serve()), request, messageOf(Buffer.alloc(1), 1));
      expect(headers).toMatchObject({ "grpc-status": "12", "grpc-accept-encoding": "identity,gzip" });
    },
  );

  it.each(["identity", undefined])(
    "is INVALID_ARGUMENT when its message is compressed and its encoding is %s",
    async (encoding) => {
      const request = { ...GRPC, ...(encoding && { "grpc-encoding": encoding }) };
      const { headers } = await answerTo(http2Of(await serve()), request, messageOf(Buffer.alloc(1), 1));
      expect(headers["grpc-status"]).toBe("3");
    },
  );

  it("may name an encoding and not use it", async () => {
    const { trailers } = await answerTo(http2Of(await serve()), { ...GRPC, "grpc-encoding": "gzip" });
    expect(trailers["grpc-status"]).toBe("0");
  });

  it.each([
    ["its prefix", [0, 0, 0]],
    ["its body", [0, 0, 0, 0, 9, 1]],
  ])("is INVALID_ARGUMENT when it ends inside %s", async (_, body) => {
    const { headers } = await answerTo(http2Of(await serve()), GRPC, Buffer.from(body));
    expect(headers["grpc-status"]).toBe("3");
  });

  it("is RESOURCE_EXHAUSTED when it declares more than the method takes, before the bytes have come", async () => {
    const { headers } = await answerTo(
      http2Of(await serve()),
      GRPC,
      Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 0]),
    );
    expect(headers["grpc-status"]).toBe("8");
  });

  it("is RESOURCE_EXHAUSTED when its metadata is over the limit, and the connection lives on", async () => {
    const session = http2Of(await serve(), UNBOUNDED);
    expect((await answerTo(session, OVERSIZED)).headers["grpc-status"]).toBe("8");
    expect((await answerTo(session, GRPC)).trailers["grpc-status"]).toBe("0");
  });

  it("may bring metadata up to the limit", async () => {
    const large = { ...GRPC, "x-large": "x".repeat(LIMITS.callMetadataBytesMax - 1024) };
    expect((await answerTo(http2Of(await serve()), large)).trailers["grpc-status"]).toBe("0");
  });
});
