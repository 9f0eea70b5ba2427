/**
 * Frames, headers and verdicts that the conformance cases are made of.
 *
 * Stream 1 is the one that is spoken of.
 */
import * as h2 from "./http2-frames.ts";

const { FRAME, END_HEADERS, END_STREAM } = h2;
export const PADDED = 8;
export const PRIORITY = 0x20;
export const UNARY = "/test.Echo/Unary";
export const HANG = "/test.Echo/Hang";
export const EMPTY = Buffer.alloc(0);
export const PUSH_PROMISE = 5;
export const WINDOW_MAX = 2 ** 31 - 1;

export const hung = h2.callHeaders(1, HANG);
export const called = h2.callHeaders(1, UNARY);
export const message = h2.messageData(1, Buffer.from("hello"), END_STREAM);
export const ended = h2.callHeaders(1, HANG, END_HEADERS | END_STREAM);
export const path = (text: string): h2.Header => [":path", text];
export const block = h2.headerBlock([path(UNARY), ...h2.CALL_HEADERS]);
export const headers = (flags: number, payload: Uint8Array): Buffer =>
  h2.frame(FRAME.headers, flags, 1, payload);
export const zeros = (sizeBytes: number): Buffer => Buffer.alloc(sizeBytes);
export const ping = (sizeBytes: number, stream = 0): Buffer =>
  h2.frame(FRAME.ping, 0, stream, zeros(sizeBytes));
export const priority = (stream: number, dependsOn: number): Buffer => {
  const payload = zeros(5);
  payload.writeUInt32BE(dependsOn);
  return h2.frame(FRAME.priority, 0, stream, payload);
};
/** A request whose fields are these, pseudo-headers of the usual one first where they are not among them. */
export const request = (fields: readonly h2.Header[]): Buffer => headers(END_HEADERS, h2.headerBlock(fields));
export const withField = (name: string, value: string): Buffer =>
  request([path(UNARY), ...h2.CALL_HEADERS, [name, value]]);
export const without = (name: string): Buffer =>
  request([path(UNARY), ...h2.CALL_HEADERS].filter(([each]) => each !== name));
export const trailers = (fields: readonly h2.Header[], flags = END_HEADERS | END_STREAM): Buffer =>
  headers(flags, h2.headerBlock(fields));
export const opened = h2.messageData(1, Buffer.from("hello"));

export type Row = readonly [title: string, send: readonly Buffer[], ...verdicts: string[]];

export const PROTOCOL = "connection PROTOCOL_ERROR";
export const SIZE = "connection FRAME_SIZE_ERROR";
export const FLOW = "connection FLOW_CONTROL_ERROR";
export const COMPRESSION = "connection COMPRESSION_ERROR";
export const STREAM_PROTOCOL = "stream PROTOCOL_ERROR";
export const CLOSED = "stream STREAM_CLOSED";
export const CONNECTION_CLOSED = "connection STREAM_CLOSED";

export function reservedBit(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  changed[5]! |= 0x80;
  return changed;
}

/** A DATA frame with as many bytes of padding. */
export function padded(data: Buffer, sizeBytes: number): Buffer {
  const payload = Buffer.concat([Buffer.from([sizeBytes]), data.subarray(9), zeros(sizeBytes)]);
  return h2.frame(FRAME.data, data[4]! | PADDED, 1, payload);
}
