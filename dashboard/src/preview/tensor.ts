/**
 * Reads an Arrow tensor message, as the Python client writes numpy arrays, and makes a picture of it.
 * Pure.
 *
 *     FFFFFFFF  length  Message{Tensor{type, shape, strides, data}}  padding | elements
 *
 * Source: Arrow format, Tensor.fbs. The elements may be cut off: then the picture has the rows that
 * came. An array of height x width is drawn in shades; one with 3 or 4 bytes per pixel in its colours.
 */
import { type FlatTable, readMessage } from "./flat-table.ts";

const DIMENSIONS_MAX = 32;
const INT_TYPE = 2;
const FLOAT_TYPE = 3;

export interface Tensor {
  /** Such as `float32`. */
  readonly elementType: string;
  readonly shape: readonly number[];
  /** In bytes. */
  readonly strides: readonly number[];
  /** The element at a position in bytes; NaN if it is cut off. */
  elementAt(position: number): number;
}

type ReadElement = (view: DataView, position: number) => number;

const READERS: Readonly<Record<string, readonly [sizeBytes: number, ReadElement]>> = {
  int8: [1, (view, at) => view.getInt8(at)],
  int16: [2, (view, at) => view.getInt16(at, true)],
  int32: [4, (view, at) => view.getInt32(at, true)],
  int64: [8, (view, at) => Number(view.getBigInt64(at, true))],
  uint8: [1, (view, at) => view.getUint8(at)],
  uint16: [2, (view, at) => view.getUint16(at, true)],
  uint32: [4, (view, at) => view.getUint32(at, true)],
  uint64: [8, (view, at) => Number(view.getBigUint64(at, true))],
  float16: [2, (view, at) => halfToNumber(view.getUint16(at, true))],
  float32: [4, (view, at) => view.getFloat32(at, true)],
  float64: [8, (view, at) => view.getFloat64(at, true)],
};

/** Undefined if the bytes are not a tensor message. */
export function readTensor(bytes: Uint8Array): Tensor | undefined {
  try {
    const message = readMessage(bytes, 0);
    if (message?.kind !== "tensor") return undefined;
    const elementType = elementTypeOf(message.header);
    const [sizeBytes, read] = READERS[elementType] ?? [0, () => Number.NaN];
    const shape = message.header.tables(2, DIMENSIONS_MAX).map((dimension) => dimension.int64(0, 0));
    if (shape.some((length) => !(length >= 0))) return undefined;
    const written = message.header.int64s(3, DIMENSIONS_MAX);
    const strides = written.length === shape.length ? written : rowMajor(shape, sizeBytes);
    const start = message.bodyStart + (message.header.structInt64(4, 0) ?? 0);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const elementAt = (position: number) => {
      const at = start + position;
      return at >= message.bodyStart && at + sizeBytes <= bytes.length ? read(view, at) : Number.NaN;
    };
    return { elementType, shape, strides, elementAt };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function elementTypeOf(tensor: FlatTable): string {
  const kind = tensor.uint8(0, 0);
  const type = tensor.table(1);
  if (kind === INT_TYPE) return `${(type?.uint8(1, 0) ?? 0) === 0 ? "u" : ""}int${type?.int32(0, 0) ?? 0}`;
  if (kind === FLOAT_TYPE) return ["float16", "float32", "float64"][type?.int16(0, 0) ?? 0] ?? "unknown";
  return "unknown";
}

function rowMajor(shape: readonly number[], sizeBytes: number): number[] {
  const strides: number[] = [];
  let stride = sizeBytes;
  for (const length of shape.toReversed()) {
    strides.unshift(stride);
    stride *= length;
  }
  return strides;
}

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Four bytes for each pixel: red, green, blue, alpha. */
  readonly pixels: Uint8ClampedArray;
  /** Of the elements that were drawn; undefined for colours. */
  readonly range: { readonly min: number; readonly max: number } | undefined;
  /** Rows of the array that came. */
  readonly rows: number;
}

/** @param sideMax larger arrays are sampled. Undefined if the array is not two-dimensional. */
export function pictureOf(tensor: Tensor, sideMax: number): Picture | undefined {
  const [rows = 0, columns = 0, channels = 1] = tensor.shape;
  const isColour = tensor.shape.length === 3 && (channels === 3 || channels === 4);
  if ((tensor.shape.length !== 2 && !(isColour && tensor.elementType === "uint8")) || rows * columns === 0) {
    return undefined;
  }
  const came = rowsThatCame(tensor, rows, columns);
  if (came === 0) return undefined;
  const step = Math.max(1, Math.ceil(Math.max(came, columns) / sideMax));
  const width = Math.ceil(columns / step);
  const height = Math.ceil(came / step);
  const [down = 0, across = 0, deep = 0] = tensor.strides;
  const elementAt = (x: number, y: number, channel: number) =>
    tensor.elementAt(y * step * down + x * step * across + channel * deep);
  const drawn = isColour
    ? drawColours({ width, height, channels, elementAt })
    : drawShades({ width, height, elementAt });
  return { width, height, ...drawn, rows: came };
}

/** By bisection: a row came if its last element did. */
function rowsThatCame({ strides: [down = 0, across = 0], elementAt }: Tensor, rows: number, columns: number) {
  const came = (row: number) => !Number.isNaN(elementAt(row * down + (columns - 1) * across));
  if (down <= 0 || came(rows - 1)) return rows;
  let low = 0;
  let high = rows;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (came(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface Drawing {
  readonly width: number;
  readonly height: number;
  elementAt(x: number, y: number, channel: number): number;
}

function drawColours({ width, height, channels, elementAt }: Drawing & { readonly channels: number }) {
  const pixels = new Uint8ClampedArray(width * height * 4);
  for (let at = 0; at < width * height; at += 1) {
    for (let channel = 0; channel < 4; channel += 1) {
      const value = channel < channels ? elementAt(at % width, Math.floor(at / width), channel) : 255;
      pixels[4 * at + channel] = value;
    }
  }
  return { pixels, range: undefined };
}

/** From dark blue over green to yellow, which also keeps its order in grey. */
const SHADES = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
] as const;

function drawShades({ width, height, elementAt }: Drawing) {
  const values = Float64Array.from({ length: width * height }, (_, at) =>
    elementAt(at % width, Math.floor(at / width), 0),
  );
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  const pixels = new Uint8ClampedArray(width * height * 4);
  for (const [at, value] of values.entries()) {
    if (!Number.isFinite(value)) continue;
    const place = max > min ? ((value - min) / (max - min)) * (SHADES.length - 1) : 0;
    const low = SHADES[Math.floor(place)]!;
    const high = SHADES[Math.ceil(place)]!;
    const share = place % 1;
    for (let channel = 0; channel < 3; channel += 1) {
      pixels[4 * at + channel] = low[channel]! * (1 - share) + high[channel]! * share;
    }
    pixels[4 * at + 3] = 255;
  }
  return { pixels, range: min <= max ? { min, max } : undefined };
}

function halfToNumber(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
