/**
 * Encodes the user's value for storage: as an opaque value of tagged bytes, or as a Flame table.
 *
 * | value                                              | stored as                             |
 * |----------------------------------------------------|---------------------------------------|
 * | Uint8Array, Buffer                                 | opaque, FLM\x06 and the bytes         |
 * | IpcTable, tables and batches of the libraries      | Flame table, logical type             |
 * |                                                    | `pyarrow.table`                       |
 * | a table with only `version: uint64`, `data: binary`| opaque, FLM\x02 and an IPC stream     |
 * | null, boolean, number, text, array, object         | opaque, FLM\x05 and JSON              |
 *
 * A table with exactly these two columns would look like an opaque value, so it is stored as one.
 * Bytes and table bodies are views of the given value. Other values are refused, never
 * approximated.
 */
import { withSchemaMetadata } from "../../arrow/schema-metadata.ts";
import { readPayloadSchema, SCHEMA_KEY_FORMAT, TABLE_FORMAT } from "../../object/object-schema.ts";
import { encodeTag } from "../../object/value-tags.ts";
import { encodeTable, isTable } from "./arrow-libraries.ts";
import { frameSchema, frameViews, type IpcMessages, streamEnd } from "./ipc-messages.ts";
import { encodeJson } from "./json-value.ts";

/** The parts of an opaque value, tag first; or the messages of a table. */
export type EncodedValue =
  | { readonly kind: "opaque"; readonly data: readonly Uint8Array[] }
  | { readonly kind: "table"; readonly messages: IpcMessages };

const SCHEMA_KEY_LOGICAL_TYPE = "flame.cache.logical_type";
/** The type to which Python decodes a table from another language. */
const LOGICAL_TYPE = "pyarrow.table";

/**
 * @throws {CacheError} INVALID_VALUE with the path of the part that cannot be stored; INVALID_IPC
 *   for an invalid IpcTable.
 */
export async function encodeValue(value: unknown): Promise<EncodedValue> {
  if (value instanceof Uint8Array) return { kind: "opaque", data: [encodeTag("bytes"), value] };
  if (isTable(value)) return encodeMessages(await encodeTable(value));
  return { kind: "opaque", data: [encodeTag("json"), encodeJson(value)] };
}

function encodeMessages(messages: IpcMessages): EncodedValue {
  if (!looksOpaque(messages)) return { kind: "table", messages: asFlameTable(messages) };
  const parts = messages.batches.flatMap(({ header, body }) => frameViews(header, body));
  return {
    kind: "opaque",
    data: [encodeTag("table"), frameSchema(messages.schemaHeader), ...parts, streamEnd()],
  };
}

/** True if the server would treat the table as an opaque value, regardless of its metadata. */
export function looksOpaque({ schemaHeader }: IpcMessages): boolean {
  return readPayloadSchema(schemaHeader).kind === "opaque";
}

/** Marks the schema as that of a Flame table. */
export function asFlameTable(messages: IpcMessages): IpcMessages {
  const { header } = withSchemaMetadata(messages.schemaHeader, [
    [SCHEMA_KEY_FORMAT, TABLE_FORMAT],
    [SCHEMA_KEY_LOGICAL_TYPE, LOGICAL_TYPE],
  ]);
  return { ...messages, schemaHeader: header };
}
