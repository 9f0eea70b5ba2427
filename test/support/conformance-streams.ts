/**
 * RFC 9113, 4 and 5: frames of any type, header blocks, and what each state of a stream allows.
 *
 * Each row: what the client sends, and what may come of it; conformance-cases.ts says how to read it.
 */
import {
  block,
  CLOSED,
  COMPRESSION,
  CONNECTION_CLOSED,
  called,
  ended,
  HANG,
  headers,
  hung,
  message,
  PRIORITY,
  PROTOCOL,
  priority,
  type Row,
  reservedBit,
  SIZE,
  STREAM_PROTOCOL,
  trailers,
  UNARY,
  zeros,
} from "./conformance-parts.ts";
import * as h2 from "./http2-frames.ts";

const { FRAME, END_HEADERS, END_STREAM } = h2;

export const STREAM_SECTIONS: Readonly<Record<string, readonly Row[]>> = {
  "4.1": [
    ["a frame of an unknown type", [h2.frame(200, 255, 0, zeros(10))], "ignored"],
    ["a frame of an unknown type on an idle stream", [h2.frame(200, 0, 77, zeros(10))], "ignored"],
    ["unknown flags", [h2.frame(FRAME.ping, 0xfe, 0, zeros(8))], "ignored"],
    ["the reserved bit of a stream", [reservedBit(called), message], "answered"],
  ],
  "4.2": [
    [
      "DATA of the largest size",
      [
        called,
        h2.frame(FRAME.data, 0, 1, Buffer.concat([Buffer.from([0, 0, 0, 0x3f, 0xfb]), zeros(16_379)])),
        h2.frame(FRAME.data, END_STREAM, 1),
      ],
      "answered",
    ],
    [
      "DATA larger than agreed",
      [called, h2.frame(FRAME.data, 0, 1, zeros(16_385))],
      SIZE,
      "stream FRAME_SIZE_ERROR",
    ],
    ["HEADERS larger than agreed", [headers(END_HEADERS, zeros(16_385))], SIZE],
    ["a frame of an unknown type larger than agreed", [h2.frame(200, 0, 0, zeros(16_385))], SIZE],
    ["the largest length there is", [Buffer.from("ffffff000000000001", "hex")], SIZE, PROTOCOL],
  ],
  "4.3": [
    ["a header block that cannot be decoded", [headers(END_HEADERS, Buffer.from([0xff]))], COMPRESSION],
    [
      "trailers that cannot be decoded",
      [hung, headers(END_HEADERS | END_STREAM, Buffer.from([0x80]))],
      COMPRESSION,
    ],
    [
      "a header block of a stream that is closed, and cannot be decoded",
      [hung, h2.reset(1), headers(END_HEADERS | END_STREAM, Buffer.from([0x80]))],
      COMPRESSION,
    ],
  ],
  "5.1 idle": [
    ["DATA", [h2.frame(FRAME.data, 0, 1, zeros(1))], PROTOCOL],
    ["RST_STREAM", [h2.reset(1)], PROTOCOL],
    ["WINDOW_UPDATE", [h2.windowUpdate(1, 1)], PROTOCOL],
    ["CONTINUATION", [h2.frame(FRAME.continuation, END_HEADERS, 1, block)], PROTOCOL],
    ["PRIORITY", [priority(1, 0)], "ignored"],
  ],
  "5.1 half-closed": [
    ["DATA", [ended, h2.frame(FRAME.data, 0, 1, zeros(1))], CLOSED, CONNECTION_CLOSED],
    ["HEADERS", [ended, trailers([["x", "y"]])], CLOSED, CONNECTION_CLOSED],
    ["CONTINUATION", [ended, h2.frame(FRAME.continuation, END_HEADERS, 1, block)], PROTOCOL],
    ["WINDOW_UPDATE", [ended, h2.windowUpdate(1, 1)], "ignored"],
    ["PRIORITY", [ended, priority(1, 0)], "ignored"],
    ["RST_STREAM", [ended, h2.reset(1)], "ignored"],
  ],
  "5.1 closed": [
    ["DATA", [hung, h2.reset(1), h2.frame(FRAME.data, 0, 1, zeros(1))], "ignored", CLOSED, CONNECTION_CLOSED],
    ["trailers", [hung, h2.reset(1), trailers([["x", "y"]])], "ignored", CLOSED, CONNECTION_CLOSED],
    ["CONTINUATION", [hung, h2.reset(1), h2.frame(FRAME.continuation, END_HEADERS, 1, block)], PROTOCOL],
    ["WINDOW_UPDATE", [hung, h2.reset(1), h2.windowUpdate(1, 1)], "ignored"],
    ["PRIORITY", [hung, h2.reset(1), priority(1, 0)], "ignored"],
    ["RST_STREAM", [hung, h2.reset(1), h2.reset(1)], "ignored", CLOSED, CONNECTION_CLOSED],
  ],
  "5.1.1": [
    ["HEADERS of an even stream", [h2.callHeaders(2, UNARY)], PROTOCOL],
    ["HEADERS of the connection", [h2.callHeaders(0, UNARY)], PROTOCOL],
    [
      "HEADERS of a stream that was passed over",
      [h2.callHeaders(5, HANG), h2.callHeaders(3, HANG)],
      PROTOCOL,
    ],
    [
      "HEADERS with END_STREAM of a stream that was passed over",
      [h2.callHeaders(5, HANG), h2.callHeaders(3, UNARY, END_HEADERS | END_STREAM)],
      PROTOCOL,
    ],
    [
      "HEADERS of a stream that was passed over before others",
      [h2.callHeaders(5, HANG), h2.callHeaders(7, HANG), h2.callHeaders(1, UNARY, END_HEADERS | END_STREAM)],
      PROTOCOL,
    ],
    [
      "trailers of a stream that was passed over",
      [h2.callHeaders(5, HANG), trailers([["x", "y"]])],
      PROTOCOL,
    ],
    [
      "a second request of a stream that is closed",
      [hung, h2.reset(1), h2.callHeaders(1, UNARY)],
      CONNECTION_CLOSED,
      PROTOCOL,
    ],
    [
      "a second request with END_STREAM of a stream that is closed",
      [hung, h2.reset(1), h2.callHeaders(1, UNARY, END_HEADERS | END_STREAM)],
      CONNECTION_CLOSED,
      PROTOCOL,
    ],
    [
      "DATA of a stream that was passed over",
      [h2.callHeaders(5, HANG), h2.frame(FRAME.data, 0, 3, zeros(1))],
      "ignored",
      CLOSED,
      CONNECTION_CLOSED,
      PROTOCOL,
    ],
    ["DATA of an even stream", [hung, h2.frame(FRAME.data, 0, 2, zeros(1))], PROTOCOL],
    ["RST_STREAM of an even stream", [hung, h2.reset(2)], PROTOCOL],
  ],
  "5.3": [
    [
      "a stream that depends on itself by HEADERS",
      [headers(END_HEADERS | PRIORITY, Buffer.concat([Buffer.from([0, 0, 0, 1, 0]), block])), message],
      PROTOCOL,
      STREAM_PROTOCOL,
      "answered",
    ],
    [
      "a stream that depends on itself by PRIORITY",
      [hung, priority(1, 1)],
      PROTOCOL,
      STREAM_PROTOCOL,
      "ignored",
    ],
  ],
};
