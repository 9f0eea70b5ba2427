/**
 * Derives the type of an object for `ls`, `stat` and `find`: `json`, `bytes`, `tensor`, `table`
 * etc.
 *
 * The first bytes of an SDK value contain its type tag; the server sends them on request
 * (object/object-facts.ts). A table may have a logical type. Undefined if the server does not
 * report the first bytes.
 */
import type { ArrowSchema } from "../arrow/schema.ts";
import { tensorFacts } from "../client/values/tensor.ts";
import { TAG_SIZE_BYTES, type TagName } from "../object/value-tags.ts";
import { isPickle, tagOf } from "./readable-value.ts";

export interface ValueType {
  readonly name: string;
  /** For a tensor: the type of its elements. */
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

/** @param head the first bytes of the value; empty if they are unknown. */
export function valueType(head: Uint8Array): ValueType | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  if (bytes.length === 0) return undefined;
  const tag = tagOf(bytes);
  if (tag === "unknown") return { name: "unknown" };
  if (tag === undefined) return { name: isPickle(bytes) ? "pickle" : "file" };
  const facts = tag === "numpy" ? tensorFacts(bytes.subarray(TAG_SIZE_BYTES)) : undefined;
  return { name: NAMES[tag], ...facts };
}

/** The logical type that the client set, such as `pandas.dataframe`; default: `table`. */
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
