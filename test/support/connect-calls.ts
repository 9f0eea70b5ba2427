/**
 * `@connectrpc/connect-node` as a peer: its gRPC transport, and a server of the same echo methods.
 *
 * The service is described at run time, with `google.protobuf.BytesValue` as its only message, so that nothing has to be
 * generated for tests.
 */
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import {
  create,
  createFileRegistry,
  type DescMethodBiDiStreaming,
  type DescMethodUnary,
  type DescService,
} from "@bufbuild/protobuf";
import {
  type BytesValue,
  type BytesValueSchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { onTestFinished } from "vitest";

const BYTES = ".google.protobuf.BytesValue";
const KINDS = {
  Unary: [false, false],
  ServerStream: [false, true],
  ClientStream: [true, false],
  Bidi: [true, true],
  Fail: [false, true],
  Refuse: [true, false],
  Hang: [false, false],
} as const;

function describedService(): DescService {
  const method = Object.entries(KINDS).map(([name, [clientStreaming, serverStreaming]]) => {
    return { name, inputType: BYTES, outputType: BYTES, clientStreaming, serverStreaming };
  });
  const file = create(FileDescriptorProtoSchema, {
    name: "test/echo.proto",
    package: "test",
    syntax: "proto3",
    dependency: ["google/protobuf/wrappers.proto"],
    service: [{ name: "Echo", method }],
  });
  const registry = createFileRegistry(file, () => file_google_protobuf_wrappers);
  return registry.getService("test.Echo")!;
}

export const ECHO = describedService();

type Bytes = typeof BytesValueSchema;

export const unaryMethod = (name: "Unary" | "Hang") =>
  ECHO.method[name.toLowerCase()] as DescMethodUnary<Bytes, Bytes>;

/** All streaming kinds; the transport does not care which one it is. */
export const streamMethod = (name: "serverStream" | "clientStream" | "bidi" | "fail" | "refuse") =>
  ECHO.method[name] as DescMethodBiDiStreaming<Bytes, Bytes>;

export async function* messages(count: number, value: Buffer): AsyncGenerator<{ value: Buffer }> {
  for (let i = 0; i < count; i++) yield { value };
}

export async function allOf(stream: AsyncIterable<BytesValue>): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for await (const { value } of stream) all.push(Buffer.from(value));
  return all;
}

export function connectTransportOf({ port }: { readonly port: number }, options: object = {}): Transport {
  const baseUrl = `http://127.0.0.1:${port}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  onTestFinished(() => sessionManager.abort());
  return createGrpcTransport({ baseUrl, sessionManager, ...options });
}

/** Loosely typed, because the service is known only at run time. */
const METHODS: object = {
  unary: (request: BytesValue, { requestHeader, responseTrailer }: HandlerWords) => {
    const failure = requestHeader.get("x-fail");
    responseTrailer.set("x-echo-bin", requestHeader.get("x-echo-bin") ?? "");
    if (failure !== null) throw new ConnectError(failure, Code.NotFound);
    return request;
  },
  async *serverStream(request: BytesValue, { requestHeader }: HandlerWords) {
    for (let i = 0; i < Number(requestHeader.get("x-count")); i++) yield request;
  },
  async clientStream(requests: AsyncIterable<BytesValue>) {
    let sizeBytes = 0;
    for await (const { value } of requests) sizeBytes += value.length;
    return { value: Buffer.from(String(sizeBytes)) };
  },
  async *bidi(requests: AsyncIterable<BytesValue>) {
    yield* requests;
  },
};

interface HandlerWords {
  readonly requestHeader: Headers;
  readonly responseTrailer: Headers;
}

export async function serveByConnect(): Promise<{ readonly port: number }> {
  const server = createServer(connectNodeAdapter({ routes: (router) => router.service(ECHO, METHODS) }));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port };
}
