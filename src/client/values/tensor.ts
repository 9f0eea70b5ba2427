/**
 * Decodes a numpy array from Python (tag FLM\x01): shape, strides and a typed array of its
 * elements.
 *
 *     FFFFFFFF  length  Message{Tensor{type, shape, strides, data}}  padding | elements
 *
 * Source: Arrow format, Tensor.fbs. There is no encoder: JavaScript has no such array type. The
 * elements are a view if their address allows it, else a copy. float16 becomes float32, because
 * this platform has no array type for it.
 */
import { readFramedHeader } from "../../arrow/encapsulated.ts";
import { FlatbufferReader, type FlatbufferTable } from "../../arrow/flatbuffer-reader.ts";
import { MESSAGE } from "../../arrow/slots.ts";
import { formatType } from "../../arrow/types.ts";
import { isCacheError } from "../../errors.ts";
import { unreadable } from "./value-tags.ts";

export type TensorData =
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

interface ElementType {
  readonly sizeBytes: number;
  readonly view: (buffer: ArrayBufferLike, offset: number, length: number) => TensorData;
}

const ELEMENT_TYPES: Readonly<Record<string, ElementType>> = {
  int8: { sizeBytes: 1, view: (...range) => new Int8Array(...range) },
  int16: { sizeBytes: 2, view: (...range) => new Int16Array(...range) },
  int32: { sizeBytes: 4, view: (...range) => new Int32Array(...range) },
  int64: { sizeBytes: 8, view: (...range) => new BigInt64Array(...range) },
  uint8: { sizeBytes: 1, view: (...range) => new Uint8Array(...range) },
  uint16: { sizeBytes: 2, view: (...range) => new Uint16Array(...range) },
  uint32: { sizeBytes: 4, view: (...range) => new Uint32Array(...range) },
  uint64: { sizeBytes: 8, view: (...range) => new BigUint64Array(...range) },
  float16: { sizeBytes: 2, view: (...range) => Float32Array.from(new Uint16Array(...range), halfToNumber) },
  float32: { sizeBytes: 4, view: (...range) => new Float32Array(...range) },
  float64: { sizeBytes: 8, view: (...range) => new Float64Array(...range) },
};

/** An array with any number of dimensions, as in numpy. */
export class Tensor {
  /** Such as `int64` or `float32`; the elements of a float16 array are float32. */
  readonly elementType: string;
  /** Elements along each dimension; empty for a single number. */
  readonly shape: readonly number[];
  /** Distance between neighbours of each dimension in `data`, in elements. */
  readonly strides: readonly number[];
  readonly data: TensorData;

  constructor(parts: Pick<Tensor, "elementType" | "shape" | "strides" | "data">) {
    this.elementType = parts.elementType;
    this.shape = parts.shape;
    this.strides = parts.strides;
    this.data = parts.data;
  }

  /** The element at one index per dimension; undefined outside the shape. */
  at(...index: readonly number[]): number | bigint | undefined {
    if (index.length !== this.shape.length) return undefined;
    let position = 0;
    for (const [dimension, step] of index.entries()) {
      if (!(step >= 0 && step < this.shape[dimension]!)) return undefined;
      position += step * this.strides[dimension]!;
    }
    return this.data[position];
  }
}

const TENSOR_HEADER = 4;
const TENSOR = { typeId: 0, type: 1, shape: 2, strides: 3, data: 4 } as const;

/**
 * @param bytes a framed tensor message and its body. @param mayAlias false: the elements are
 *   copied.
 * @throws {CacheError} UNREADABLE_VALUE if it is malformed or has an unknown element type.
 */
export function decodeTensor(bytes: Uint8Array, mayAlias: boolean): Tensor {
  try {
    const { header, sizeBytes } = readFramedHeader(bytes, 0);
    const message = new FlatbufferReader(header).root();
    const table = message.table(MESSAGE.header);
    if (table === undefined || message.uint8(MESSAGE.headerType, 0) !== TENSOR_HEADER) {
      throw unreadable("the value is tagged as a numpy array but is not a valid one");
    }
    return readTensor(table, bytes.subarray(sizeBytes), mayAlias);
  } catch (cause) {
    if (!isCacheError(cause, "INVALID_IPC")) throw cause;
    throw unreadable("the numpy array is malformed", cause);
  }
}

/**
 * Element type and shape of an array, from the start of its message.
 * @returns undefined if it is not such a message, or if its header is longer than `start`.
 */
export function tensorFacts(start: Uint8Array): Pick<Tensor, "elementType" | "shape"> | undefined {
  try {
    const message = new FlatbufferReader(readFramedHeader(start, 0).header).root();
    const table = message.table(MESSAGE.header);
    if (table === undefined || message.uint8(MESSAGE.headerType, 0) !== TENSOR_HEADER) return undefined;
    return { elementType: elementTypeOf(table), shape: readShape(table) };
  } catch (error) {
    if (isCacheError(error)) return undefined;
    throw error;
  }
}

function elementTypeOf(table: FlatbufferTable): string {
  const type = table.table(TENSOR.type);
  return type === undefined ? "missing" : formatType(table.uint8(TENSOR.typeId, 0), type, 0);
}

function readTensor(table: FlatbufferTable, body: Uint8Array, mayAlias: boolean): Tensor {
  const elementType = elementTypeOf(table);
  const element = Object.hasOwn(ELEMENT_TYPES, elementType) ? ELEMENT_TYPES[elementType] : undefined;
  if (element === undefined) throw unreadable(`the numpy array has elements of type ${elementType}`);
  const shape = readShape(table);
  const strides = readStrides(table, shape, element.sizeBytes);
  const elements = readElements(table, body);
  const isEmpty = shape.includes(0);
  const last = shape.reduce((sum, size, dimension) => sum + (size - 1) * strides[dimension]!, 0);
  const length = Math.floor(elements.byteLength / element.sizeBytes);
  if (!isEmpty && last >= length) throw unreadable("the numpy array is larger than its bytes");
  const isAligned = elements.byteOffset % element.sizeBytes === 0;
  const { buffer, byteOffset } = mayAlias && isAligned ? elements : new Uint8Array(elements);
  return new Tensor({ elementType, shape, strides, data: element.view(buffer, byteOffset, length) });
}

/** TensorDim{size: long, name: string} each. */
function readShape(table: FlatbufferTable): number[] {
  const vector = table.vector(TENSOR.shape, 4);
  return Array.from({ length: vector?.length ?? 0 }, (_, index) => {
    const size = table.reader.tableAt(vector!.position + 4 * index).int64(0, 0);
    if (size < 0) throw unreadable("the numpy array has a negative size");
    return size;
  });
}

/** If strides are absent, the order is row-major. */
function readStrides(table: FlatbufferTable, shape: readonly number[], elementBytes: number): number[] {
  const vector = table.vector(TENSOR.strides, 8);
  if (vector === undefined || vector.length === 0) {
    return shape.map((_, dimension) =>
      shape.slice(dimension + 1).reduce((product, size) => product * size, 1),
    );
  }
  if (vector.length !== shape.length) throw unreadable("the numpy array has strides for another shape");
  return shape.map((_, dimension) => {
    const stride = table.reader.int64(vector.position + 8 * dimension) / elementBytes;
    if (!Number.isInteger(stride) || stride < 0) throw unreadable("the numpy array has invalid strides");
    return stride;
  });
}

/** Buffer{offset: long, length: long}, a struct inside the table. */
function readElements(table: FlatbufferTable, body: Uint8Array): Uint8Array {
  const position = table.find(TENSOR.data, 16);
  const offset = position < 0 ? 0 : table.reader.int64(position);
  const sizeBytes = position < 0 ? 0 : table.reader.int64(position + 8);
  if (offset < 0 || sizeBytes < 0 || offset + sizeBytes > body.byteLength) {
    throw unreadable("the numpy array ends before its elements");
  }
  return body.subarray(offset, offset + sizeBytes);
}

/** IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * 2 ** -24 * fraction;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * 2 ** (exponent - 25) * (1024 + fraction);
}
