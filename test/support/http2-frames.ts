/**
 * HTTP/2 frames by hand, for peers that do not behave.
 *
 *     0   uint24  payload size       3   uint8  type       4   uint8  flags       5   uint32  stream
 *
 * Headers are HPACK literals without indexing and without Huffman codes.
 * Source: RFC 9113, 4 and 6; RFC 7541, 6.2.2.
 */

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const END_STREAM = 1;
export const ACK = 1;
export const END_HEADERS = 4;

export type Header = readonly [name: string, value: string];

export const CALL_HEADERS: readonly Header[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":authority", "127.0.0.1"],
  ["content-type", "application/grpc"],
  ["te", "trailers"],
];

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const sizes = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) sizes.push((rest % 128) + 128);
  return Buffer.concat([Buffer.from([...sizes, rest]), bytes]);
}

/** A header block of literals. */
export function headerBlock(headers: readonly Header[]): Buffer {
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));
}

/** HEADERS that begin a call of `path`. */
export function callHeaders(stream: number, path: string, flags = END_HEADERS): Buffer {
  return frame(FRAME.headers, flags, stream, headerBlock([[":path", path], ...CALL_HEADERS]));
}

export function reset(stream: number, code = 8): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(code);
  return frame(FRAME.reset, 0, stream, payload);
}

export function windowUpdate(stream: number, increment: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(increment);
  return frame(FRAME.windowUpdate, 0, stream, payload);
}

export function goaway(code: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(code, 4);
  return frame(FRAME.goaway, 0, 0, payload);
}

/** 4 is the initial window size. */
export type Setting = readonly [id: number, value: number];

export function settings(...values: readonly Setting[]): Buffer {
  const payload = Buffer.alloc(6 * values.length);
  for (const [i, [id, value]] of values.entries()) {
    payload.writeUInt16BE(id, 6 * i);
    payload.writeUInt32BE(value, 6 * i + 2);
  }
  return frame(FRAME.settings, 0, 0, payload);
}

/** A gRPC message in one DATA frame. */
export function messageData(stream: number, body: Uint8Array, flags = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return frame(FRAME.data, flags, stream, Buffer.concat([prefix, body]));
}

/** Splits what came into whole frames; the rest is returned to be put before what comes next. */
export function splitFrames(bytes: Buffer): { frames: Frame[]; rest: Buffer } {
  const frames: Frame[] = [];
  let position = 0;
  while (bytes.length - position >= 9) {
    const sizeBytes = bytes.readUIntBE(position, 3);
    if (bytes.length - position < 9 + sizeBytes) break;
    frames.push({
      type: bytes[position + 3]!,
      flags: bytes[position + 4]!,
      stream: bytes.readUInt32BE(position + 5) & 0x7fffffff,
      payload: bytes.subarray(position + 9, position + 9 + sizeBytes),
    });
    position += 9 + sizeBytes;
  }
  return { frames, rest: bytes.subarray(position) };
}
