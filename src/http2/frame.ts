/**
 * HTTP/2 frames as bytes: the nine-byte header, types and flags, and the small frames that a server
 * sends.
 *
 *     0   uint24   length of the payload, bytes
 *     3   uint8    type
 *     4   uint8    flags
 *     5   uint31   stream identifier; 0 is the connection
 *
 * Source: RFC 9113, 4.1 and 6.
 */
import { HTTP2_ERROR_CODES, type Http2ErrorCode } from "./http2-error.ts";

export const FRAME_HEADER_BYTES = 9;

/** The default that every peer accepts, and that we announce: RFC 9113, 4.2. */
export const DEFAULT_FRAME_BYTES_MAX = 16 * 1024;

/** Sent by a client before its first frame: RFC 9113, 3.4. */
export const CLIENT_PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** For the log. */
export function frameName(type: number | undefined): string {
  return Object.entries(FRAME).find(([, number]) => number === type)?.[0] ?? `type ${type}`;
}

export const FLAG = { END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 0x20 } as const;

export const SETTING = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

/** The largest window, and the largest stream identifier. */
export const UINT31_MAX = 2 ** 31 - 1;

/** Allocates a buffer with the frame's header and `payloadBytes` after it. */
function begin(frame: FrameHeader, payloadBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payloadBytes);
  bytes.writeUIntBE(frame.lengthBytes, 0, 3);
  bytes[3] = frame.type;
  bytes[4] = frame.flags;
  bytes.writeUInt32BE(frame.streamId, 5);
  return bytes;
}

export interface FrameHeader {
  readonly lengthBytes: number;
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
}

/** Encodes the header of a frame whose payload follows as views. */
export function encodeFrameHeader(frame: FrameHeader): Buffer {
  return begin(frame, 0);
}

export function encodeSettings(settings: readonly (readonly [number, number])[]): Buffer {
  const lengthBytes = 6 * settings.length;
  const bytes = begin({ lengthBytes, type: FRAME.SETTINGS, flags: 0, streamId: 0 }, lengthBytes);
  settings.forEach(([id, value], i) => {
    bytes.writeUInt16BE(id, FRAME_HEADER_BYTES + 6 * i);
    bytes.writeUInt32BE(value, FRAME_HEADER_BYTES + 6 * i + 2);
  });
  return bytes;
}

export const SETTINGS_ACK = begin({ lengthBytes: 0, type: FRAME.SETTINGS, flags: FLAG.ACK, streamId: 0 }, 0);

/** @param opaque the eight bytes to return */
export function encodePing(opaque: Uint8Array, flags: number): Buffer {
  const bytes = begin({ lengthBytes: 8, type: FRAME.PING, flags, streamId: 0 }, 8);
  bytes.set(opaque, FRAME_HEADER_BYTES);
  return bytes;
}

export function encodeWindowUpdate(streamId: number, incrementBytes: number): Buffer {
  const bytes = begin({ lengthBytes: 4, type: FRAME.WINDOW_UPDATE, flags: 0, streamId }, 4);
  bytes.writeUInt32BE(incrementBytes, FRAME_HEADER_BYTES);
  return bytes;
}

export function encodeReset(streamId: number, code: Http2ErrorCode): Buffer {
  const bytes = begin({ lengthBytes: 4, type: FRAME.RST_STREAM, flags: 0, streamId }, 4);
  bytes.writeUInt32BE(HTTP2_ERROR_CODES[code], FRAME_HEADER_BYTES);
  return bytes;
}

/** @param text for the log of the peer's operator */
export function encodeGoAway(lastStreamId: number, code: Http2ErrorCode, text: string): Buffer {
  const debug = Buffer.from(text);
  const lengthBytes = 8 + debug.length;
  const bytes = begin({ lengthBytes, type: FRAME.GOAWAY, flags: 0, streamId: 0 }, lengthBytes);
  bytes.writeUInt32BE(lastStreamId, FRAME_HEADER_BYTES);
  bytes.writeUInt32BE(HTTP2_ERROR_CODES[code], FRAME_HEADER_BYTES + 4);
  bytes.set(debug, FRAME_HEADER_BYTES + 8);
  return bytes;
}

/**
 * Pushes the frames of one header block: HEADERS, then CONTINUATION if it exceeds the default frame
 * size.
 */
export function pushHeaderFrames(
  parts: Uint8Array[],
  streamId: number,
  block: Uint8Array,
  endStream: boolean,
): void {
  let type: number = FRAME.HEADERS;
  let streamFlag: number = endStream ? FLAG.END_STREAM : 0;
  let from = 0;
  do {
    const piece = block.subarray(from, from + DEFAULT_FRAME_BYTES_MAX);
    from += piece.length;
    const flags = streamFlag | (from === block.length ? FLAG.END_HEADERS : 0);
    parts.push(encodeFrameHeader({ lengthBytes: piece.length, type, flags, streamId }), piece);
    type = FRAME.CONTINUATION;
    streamFlag = 0;
  } while (from < block.length);
}
