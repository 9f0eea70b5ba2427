/**
 * What a user puts, as what is stored: an opaque value of tagged bytes, or a Flame table.
 *
 * | value                                         | stored as                       |
 * |-----------------------------------------------|---------------------------------|
 * | Uint8Array, Buffer                            | opaque, FLM\x06 and the bytes   |
 * | IpcTable, tables and batches of the libraries | Flame table, logical type `pyarrow.table` |
 * | the same with just the columns of an opaque value, `version: uint64` and `data: binary` | opaque, FLM\x02 and an IPC stream |
 * | null, boolean, number, text, array, object    | opaque, FLM\x05 and JSON        |
 *
 * Bytes and table bodies are views of what was given. Anything else is refused, never approximated.
 */
import { withSchemaMetadata } from "../../arrow/schema-metadata.ts";
import { readPayloadSchema, SCHEMA_KEY_FORMAT, TABLE_FORMAT } from "../../object/object-schema.ts";
import { encodeTable, isTable } from "./arrow-libraries.ts";
import { frameSchema, frameViews, type IpcMessages, streamEnd } from "./ipc-messages.ts";
import { encodeJson } from "./json-value.ts";
import { encodeTag } from "./value-tags.ts";

/** The bytes of an opaque value, tag first, to be joined; or the messages of a table. */
export type EncodedValue =
  | { readonly kind: "opaque"; readonly data: readonly Uint8Array[] }
  | { readonly kind: "table"; readonly messages: IpcMessages };

const SCHEMA_KEY_LOGICAL_TYPE = "flame.cache.logical_type";
/** What Python makes of a table that another language put. */
const LOGICAL_TYPE = "pyarrow.table";

/** @throws {CacheError} INVALID_VALUE, naming the place of what cannot be stored; INVALID_IPC for an IpcTable that is none. */
export async function encodeValue(value: unknown): Promise<EncodedValue> {
  if (value instanceof Uint8Array) return { kind: "opaque", data: [encodeTag("bytes"), value] };
  if (isTable(value)) return encodeMessages(await encodeTable(value));
  return { kind: "opaque", data: [encodeTag("json"), encodeJson(value)] };
}

function encodeMessages(messages: IpcMessages): EncodedValue {
  if (!isTakenForOpaque(messages)) return { kind: "table", messages: asFlameTable(messages) };
  const parts = messages.batches.flatMap(({ header, body }) => frameViews(header, body));
  return {
    kind: "opaque",
    data: [encodeTag("table"), frameSchema(messages.schemaHeader), ...parts, streamEnd()],
  };
}

/** True for a table that the server would take for an opaque value, whatever its metadata say. */
export function isTakenForOpaque({ schemaHeader }: IpcMessages): boolean {
  return readPayloadSchema(schemaHeader).kind === "opaque";
}

/** The same table, its schema marked as a Flame table. */
export function asFlameTable(messages: IpcMessages): IpcMessages {
  const { header } = withSchemaMetadata(messages.schemaHeader, [
    [SCHEMA_KEY_FORMAT, TABLE_FORMAT],
    [SCHEMA_KEY_LOGICAL_TYPE, LOGICAL_TYPE],
  ]);
  return { ...messages, schemaHeader: header };
}
