/**
 * A numpy array of float32 as the Python client writes it: an Arrow tensor message and its elements, without the type tag.
 *
 * Written by hand, because no Arrow library for JavaScript writes tensors. Source: Arrow format, Tensor.fbs and Message.fbs.
 */
import { Builder } from "flatbuffers";

export interface TensorSample {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

const FLOAT_TYPE = 3;
const SINGLE = 1;
const TENSOR_HEADER = 4;
const VERSION_5 = 4;
const ALIGNMENT = 64;

export function tensorBytes({ shape, values }: TensorSample): Buffer {
  const body = Buffer.from(Float32Array.from(values).buffer);
  const header = messageOf(shape, body.length);
  const padding = Buffer.alloc((ALIGNMENT - ((8 + header.length) % ALIGNMENT)) % ALIGNMENT);
  const prefix = Buffer.alloc(8, 0xff);
  prefix.writeInt32LE(header.length + padding.length, 4);
  return Buffer.concat([prefix, header, padding, body]);
}

function messageOf(shape: readonly number[], bodyBytes: number): Uint8Array {
  const builder = new Builder(256);
  const dimensions = shape.map((length) => {
    builder.startObject(2);
    builder.addFieldInt64(0, BigInt(length), 0n);
    return builder.endObject();
  });
  builder.startVector(4, dimensions.length, 4);
  for (const dimension of dimensions.toReversed()) builder.addOffset(dimension);
  const shapes = builder.endVector();
  builder.startObject(1);
  builder.addFieldInt16(0, SINGLE, 0);
  const type = builder.endObject();
  builder.startObject(5);
  builder.addFieldInt8(0, FLOAT_TYPE, 0);
  builder.addFieldOffset(1, type, 0);
  builder.addFieldOffset(2, shapes, 0);
  builder.prep(8, 16);
  builder.writeInt64(BigInt(bodyBytes));
  builder.writeInt64(0n);
  builder.addFieldStruct(4, builder.offset(), 0);
  const tensor = builder.endObject();
  builder.startObject(4);
  builder.addFieldInt16(0, VERSION_5, 0);
  builder.addFieldInt8(1, TENSOR_HEADER, 0);
  builder.addFieldOffset(2, tensor, 0);
  builder.addFieldInt64(3, BigInt(bodyBytes), 0n);
  builder.finish(builder.endObject());
  return builder.asUint8Array();
}
