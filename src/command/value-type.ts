/**
 * What an object is to a program: `json`, `bytes`, `tensor`, `pickle`, `table` and so on, for `ls`, `stat` and `find`.
 *
 * A value of an SDK says so in its first bytes, which a server of ours sends when it is asked to (object/object-facts.ts);
 * a table may carry a logical type. Other servers do not tell: then it is undefined.
 */
import type { ArrowSchema } from "../arrow/schema.ts";
import { tensorFacts } from "../client/values/tensor.ts";
import { TAG_SIZE_BYTES, type TagName } from "../client/values/value-tags.ts";
import { isPickle, tagOf } from "./readable-value.ts";

export interface ValueType {
  readonly name: string;
  /** Of a tensor. */
  readonly elementType?: string;
  readonly shape?: readonly number[];
}

const LOGICAL_TYPE_KEY = "flame.cache.logical_type";

const NAMES: Readonly<Record<TagName, string>> = {
  cloudpickle: "pickle",
  numpy: "tensor",
  table: "table",
  array: "array",
  recordBatch: "table",
  json: "json",
  bytes: "bytes",
  bufferedPickle: "pickle",
};

/** @param head its first bytes; empty where they are not known. */
export function valueType(head: Uint8Array): ValueType | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  if (bytes.length === 0) return undefined;
  const tag = tagOf(bytes);
  if (tag === "unknown") return { name: "unknown" };
  if (tag === undefined) return { name: isPickle(bytes) ? "pickle" : "file" };
  const facts = tag === "numpy" ? tensorFacts(bytes.subarray(TAG_SIZE_BYTES)) : undefined;
  return { name: NAMES[tag], ...facts };
}

/** A table is what the client that put it says it is, such as `pandas.dataframe`. */
export function tableType(schema: ArrowSchema): ValueType {
  return { name: logicalTypeOf(schema) ?? "table" };
}

export function logicalTypeOf(schema: ArrowSchema): string | undefined {
  return schema.metadata.find(([key]) => key === LOGICAL_TYPE_KEY)?.[1];
}

/** `json`, `tensor<float64>[3,4]`. */
export function formatValueType({ name, elementType, shape }: ValueType): string {
  return elementType === undefined ? name : `${name}<${elementType}>[${shape?.join(",")}]`;
}
