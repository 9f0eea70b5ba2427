/**
 * Methods of every kind for tests of the gRPC layer, by path.
 *
 * Messages are not looked into, so that raw bytes and protobuf both do; what a method should do stands in call metadata.
 */
import { CacheError, type ErrorCode } from "../../src/errors.ts";
import type { CallHandler, ServerCall } from "../../src/grpc/call.ts";
import { singleRequest } from "../../src/grpc/single-request.ts";
import { unary } from "./unary.ts";

export const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

const numberOf = (call: ServerCall, name: string): number => Number(call.metadata.get(name) ?? "0");

/** Sends `x-echo` and `x-echo-bin` back in the trailers. */
function echoMetadata(call: ServerCall): void {
  const text = call.metadata.get("x-echo");
  const bytes = call.metadata.getBinary("x-echo-bin");
  if (text !== undefined) call.setTrailer("x-echo", text);
  if (bytes !== undefined) call.setTrailer("x-echo-bin", bytes);
}

/** The request, `x-count` times. */
const serverStream: CallHandler = async (call) => {
  const request = await singleRequest(call, MESSAGE_BYTES_MAX);
  for (let i = 0; i < numberOf(call, "x-count"); i++) await call.write([request]);
};

/** The first message back; how many and how large they all were stands in the trailers. */
const clientStream: CallHandler = async (call) => {
  let first: Buffer | undefined;
  let count = 0;
  let sizeBytes = 0;
  for (let message = await call.requests.next(); message !== null; message = await call.requests.next()) {
    const body = await message.collect(MESSAGE_BYTES_MAX);
    first ??= Buffer.from(body);
    count++;
    sizeBytes += body.length;
  }
  call.setTrailer("x-count", String(count));
  call.setTrailer("x-size-bytes", String(sizeBytes));
  await call.write([first ?? Buffer.alloc(0)]);
};

/** Each message back as it comes. */
const bidi: CallHandler = async (call) => {
  for (let message = await call.requests.next(); message !== null; message = await call.requests.next()) {
    await call.write([await message.collect(MESSAGE_BYTES_MAX)]);
  }
};

/** Sends the request `x-count` times, then fails with `x-code` and `x-text`, or as a programmer's mistake. */
const fail: CallHandler = async (call) => {
  const request = await singleRequest(call, MESSAGE_BYTES_MAX);
  for (let i = 0; i < numberOf(call, "x-count"); i++) await call.write([request]);
  echoMetadata(call);
  const code = call.metadata.get("x-code");
  if (code === undefined) throw new TypeError("a secret detail");
  throw new CacheError(code as ErrorCode, call.metadata.get("x-text"));
};

/** Fails with the first message, whatever else is to come. */
const refuse: CallHandler = async (call) => {
  await call.requests.next();
  throw new CacheError("STORAGE_FULL");
};

/** Never answers; ends when the call does. */
export const hang: CallHandler = (call) =>
  new Promise((_, reject) => {
    call.signal.addEventListener("abort", () => reject(call.signal.reason));
  });

export function echoMethods(): [path: string, CallHandler][] {
  return [
    [
      "/test.Echo/Unary",
      unary((request, call) => {
        echoMetadata(call);
        return Promise.resolve(request);
      }, MESSAGE_BYTES_MAX),
    ],
    ["/test.Echo/ServerStream", serverStream],
    ["/test.Echo/ClientStream", clientStream],
    ["/test.Echo/Bidi", bidi],
    ["/test.Echo/Fail", fail],
    ["/test.Echo/Refuse", refuse],
    ["/test.Echo/Hang", hang],
  ];
}
