/**
 * RFC 9113, 8: requests and trailers, whole or malformed.
 *
 * Each row: what the client sends, and what may come of it; conformance-cases.ts says how to read it.
 */
import {
  called,
  headers,
  hung,
  message,
  opened,
  PROTOCOL,
  padded,
  path,
  type Row,
  request,
  STREAM_PROTOCOL,
  trailers,
  UNARY,
  withField,
  without,
} from "./conformance-parts.ts";
import * as h2 from "./http2-frames.ts";

const { END_HEADERS, END_STREAM } = h2;

export const MESSAGE_SECTIONS: Readonly<Record<string, readonly Row[]>> = {
  "8.1": [
    ["trailers", [called, opened, trailers([["x", "y"]])], "answered"],
    ["empty trailers", [called, opened, trailers([])], "answered"],
    [
      "trailers that do not end the stream",
      [hung, trailers([["x", "y"]], END_HEADERS)],
      STREAM_PROTOCOL,
      PROTOCOL,
    ],
    ["trailers with a pseudo-header", [hung, trailers([[":path", "/"]])], STREAM_PROTOCOL],
    ["trailers with upper case", [hung, trailers([["X", "y"]])], STREAM_PROTOCOL],
    ["content-length that is kept", [withField("content-length", "10"), message], "answered"],
    ["content-length that is not reached", [withField("content-length", "11"), message], STREAM_PROTOCOL],
    ["content-length that is exceeded", [withField("content-length", "9"), message], STREAM_PROTOCOL],
    [
      "content-length that is exceeded by a frame before the last",
      [withField("content-length", "3"), opened],
      STREAM_PROTOCOL,
    ],
    [
      "content-length of a request without content",
      [
        headers(
          END_HEADERS | END_STREAM,
          h2.headerBlock([path(UNARY), ...h2.CALL_HEADERS, ["content-length", "1"]]),
        ),
      ],
      STREAM_PROTOCOL,
    ],
    [
      "content-length that is not reached before trailers",
      [withField("content-length", "11"), opened, trailers([])],
      STREAM_PROTOCOL,
    ],
    ["content-length and padding", [withField("content-length", "10"), padded(message, 100)], "answered"],
  ],
  "8.2": [
    ["upper case in a name", [withField("X-name", "y")], STREAM_PROTOCOL],
    ["a line feed in a value", [withField("x", "a\nb")], STREAM_PROTOCOL],
    ["a zero in a value", [withField("x", "a\0b")], STREAM_PROTOCOL],
    ["connection", [withField("connection", "keep-alive")], STREAM_PROTOCOL],
    ["transfer-encoding", [withField("transfer-encoding", "chunked")], STREAM_PROTOCOL],
    [
      "te other than trailers",
      [request([path(UNARY), ...h2.CALL_HEADERS.slice(0, 4), ["te", "trailers, deflate"]])],
      STREAM_PROTOCOL,
    ],
  ],
  "8.3": [
    ["an unknown pseudo-header", [request([path(UNARY), [":x", "y"], ...h2.CALL_HEADERS])], STREAM_PROTOCOL],
    [
      "a pseudo-header of answers",
      [request([path(UNARY), [":status", "200"], ...h2.CALL_HEADERS])],
      STREAM_PROTOCOL,
    ],
    ["a pseudo-header behind other fields", [request([...h2.CALL_HEADERS, path(UNARY)])], STREAM_PROTOCOL],
    ["two paths", [request([path(UNARY), path(UNARY), ...h2.CALL_HEADERS])], STREAM_PROTOCOL],
    ["an empty path", [request([path(""), ...h2.CALL_HEADERS])], STREAM_PROTOCOL],
    ["no method", [without(":method")], STREAM_PROTOCOL],
    ["no scheme", [without(":scheme")], STREAM_PROTOCOL],
    ["no path", [without(":path")], STREAM_PROTOCOL],
    ["no authority", [without(":authority"), message], "answered"],
  ],
};
