/**
 * RFC 9113, 6: each type of frame, its sizes, flags and values.
 *
 * Each row: what the client sends, and what may come of it; conformance-cases.ts says how to read it.
 */
import {
  block,
  called,
  EMPTY,
  FLOW,
  headers,
  hung,
  message,
  opened,
  PADDED,
  PRIORITY,
  PROTOCOL,
  PUSH_PROMISE,
  padded,
  ping,
  priority,
  type Row,
  SIZE,
  STREAM_PROTOCOL,
  UNARY,
  WINDOW_MAX,
  zeros,
} from "./conformance-parts.ts";
import * as h2 from "./http2-frames.ts";

const { FRAME, END_HEADERS, ACK } = h2;

export const FRAME_SECTIONS: Readonly<Record<string, readonly Row[]>> = {
  "6.1": [
    ["DATA of the connection", [h2.frame(FRAME.data, 0, 0, zeros(1))], PROTOCOL],
    ["padded DATA", [called, padded(message, 20)], "answered"],
    [
      "DATA that is padding only",
      [called, h2.frame(FRAME.data, PADDED, 1, Buffer.from([3, 0, 0, 0])), message],
      "answered",
    ],
    [
      "padding as long as its frame",
      [called, h2.frame(FRAME.data, PADDED, 1, Buffer.from([4, 0, 0, 0]))],
      PROTOCOL,
    ],
    [
      "padding longer than its frame",
      [called, h2.frame(FRAME.data, PADDED, 1, Buffer.from([255, 0]))],
      PROTOCOL,
    ],
    [
      "padded DATA without the length of its padding",
      [called, h2.frame(FRAME.data, PADDED, 1)],
      SIZE,
      PROTOCOL,
    ],
    ["empty DATA", [called, h2.frame(FRAME.data, 0, 1), message], "answered"],
  ],
  "6.2": [
    [
      "padded HEADERS with a priority",
      [
        headers(
          END_HEADERS | PADDED | PRIORITY,
          Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 7]), block, zeros(2)]),
        ),
        message,
      ],
      "answered",
    ],
    ["padding longer than the block", [headers(END_HEADERS | PADDED, Buffer.from([255, 0]))], PROTOCOL],
    [
      "padding over the priority",
      [headers(END_HEADERS | PADDED | PRIORITY, Buffer.from([2, 0, 0, 0, 0, 7, 0]))],
      PROTOCOL,
      SIZE,
    ],
    ["a priority that is cut", [headers(END_HEADERS | PRIORITY, zeros(4))], SIZE, PROTOCOL],
    ["another frame inside of a header block", [headers(0, block), ping(8)], PROTOCOL],
    ["DATA inside of a header block", [headers(0, block), h2.frame(FRAME.data, 0, 1)], PROTOCOL],
    ["an unknown frame inside of a header block", [headers(0, block), h2.frame(200, 0, 1)], PROTOCOL],
    ["HEADERS inside of a header block", [headers(0, block), h2.callHeaders(3, UNARY)], PROTOCOL],
  ],
  "6.3": [
    ["PRIORITY of the connection", [priority(0, 1)], PROTOCOL],
    [
      "PRIORITY of four bytes",
      [hung, h2.frame(FRAME.priority, 0, 1, zeros(4))],
      SIZE,
      "stream FRAME_SIZE_ERROR",
    ],
    ["PRIORITY of six bytes on an idle stream", [h2.frame(FRAME.priority, 0, 1, zeros(6))], SIZE],
  ],
  "6.4": [
    ["RST_STREAM of the connection", [h2.reset(0)], PROTOCOL],
    ["RST_STREAM of three bytes", [hung, h2.frame(FRAME.reset, 0, 1, zeros(3))], SIZE],
    ["RST_STREAM with an unknown code", [hung, h2.reset(1, 0xffffffff)], "ignored"],
  ],
  "6.5": [
    ["an acknowledgement with settings", [h2.frame(FRAME.settings, ACK, 0, zeros(6))], SIZE],
    ["SETTINGS of a stream", [h2.frame(FRAME.settings, 0, 1)], PROTOCOL],
    ["SETTINGS that are cut", [h2.frame(FRAME.settings, 0, 0, zeros(5))], SIZE],
    ["an acknowledgement that nobody waits for", [h2.frame(FRAME.settings, ACK, 0)], "ignored", PROTOCOL],
    ["unknown settings", [h2.settings([0xffff, 0xffffffff], [0, 1])], "ignored"],
    ["push that is neither on nor off", [h2.settings([2, 2])], PROTOCOL],
    ["push that is on", [h2.settings([2, 1])], "ignored"],
    ["a window that is too large", [h2.settings([4, 2 ** 31])], FLOW],
    ["the largest window", [h2.settings([4, WINDOW_MAX])], "ignored"],
    ["frames that are too small", [h2.settings([5, 16_383])], PROTOCOL],
    ["frames that are too large", [h2.settings([5, 2 ** 24])], PROTOCOL],
    ["the largest frames", [h2.settings([5, 2 ** 24 - 1])], "ignored"],
    ["no table of header fields", [h2.settings([1, 0])], "ignored"],
    ["no streams of ours", [h2.settings([3, 0])], "ignored"],
  ],
  "6.6": [
    [
      "PUSH_PROMISE",
      [hung, h2.frame(PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([zeros(4), block]))],
      PROTOCOL,
    ],
  ],
  "6.7": [
    ["PING of a stream", [ping(8, 1)], PROTOCOL],
    ["PING of six bytes", [ping(6)], SIZE],
    ["PING of nine bytes", [ping(9)], SIZE],
    ["the answer to a PING that nobody sent", [h2.frame(FRAME.ping, ACK, 0, zeros(8))], "ignored"],
  ],
  "6.8": [
    ["GOAWAY of a stream", [h2.frame(FRAME.goaway, 0, 1, zeros(8))], PROTOCOL],
    ["GOAWAY that is cut", [h2.frame(FRAME.goaway, 0, 0, zeros(7))], SIZE],
    ["GOAWAY while a call is open", [called, h2.goaway(0), message], "answered"],
  ],
  "6.9": [
    ["a window opened by nothing", [h2.windowUpdate(0, 0)], PROTOCOL],
    ["a stream's window opened by nothing", [hung, h2.windowUpdate(1, 0)], STREAM_PROTOCOL, PROTOCOL],
    ["WINDOW_UPDATE of three bytes", [h2.frame(FRAME.windowUpdate, 0, 0, zeros(3))], SIZE],
    ["WINDOW_UPDATE of three bytes on a stream", [hung, h2.frame(FRAME.windowUpdate, 0, 1, zeros(3))], SIZE],
    [
      "the reserved bit of an increment",
      [h2.frame(FRAME.windowUpdate, 0, 0, Buffer.from("80000001", "hex"))],
      "ignored",
    ],
    ["a window beyond the largest", [h2.windowUpdate(0, WINDOW_MAX)], FLOW],
    [
      "a stream's window beyond the largest",
      [hung, h2.windowUpdate(1, WINDOW_MAX)],
      "stream FLOW_CONTROL_ERROR",
      FLOW,
    ],
    [
      "settings that open a stream's window beyond the largest",
      [hung, h2.windowUpdate(1, 1), h2.settings([4, WINDOW_MAX])],
      FLOW,
    ],
    [
      "the largest windows",
      [called, h2.windowUpdate(0, WINDOW_MAX - 65_535), h2.windowUpdate(1, WINDOW_MAX - 65_535), message],
      "answered",
    ],
  ],
  "6.10": [
    [
      "a header block in three frames",
      [
        headers(0, block.subarray(0, 3)),
        h2.frame(FRAME.continuation, 0, 1),
        h2.frame(FRAME.continuation, END_HEADERS, 1, block.subarray(3)),
        message,
      ],
      "answered",
    ],
    [
      "an empty HEADERS frame, then CONTINUATION",
      [headers(0, EMPTY), h2.frame(FRAME.continuation, END_HEADERS, 1, block), message],
      "answered",
    ],
    [
      "CONTINUATION of another stream",
      [headers(0, block), h2.frame(FRAME.continuation, END_HEADERS, 3)],
      PROTOCOL,
    ],
    [
      "CONTINUATION of the connection",
      [headers(0, block), h2.frame(FRAME.continuation, END_HEADERS, 0)],
      PROTOCOL,
    ],
    [
      "CONTINUATION behind the end of a block",
      [hung, h2.frame(FRAME.continuation, END_HEADERS, 1)],
      PROTOCOL,
    ],
    ["CONTINUATION behind DATA", [hung, opened, h2.frame(FRAME.continuation, END_HEADERS, 1)], PROTOCOL],
  ],
};
