/**
 * The schema of a stream: fields, their types as text, and metadata, out of a Schema message or a footer.
 *
 * Source: Arrow format, Schema.fbs. The decoder refuses what is deeper or wider than the limits and never visits much more than
 * the message holds, however its offsets overlap. Cost: one object per field; types and empty lists are shared.
 */
import { LIMITS } from "../limits.ts";
import { FlatbufferReader, type FlatbufferTable } from "./flatbuffer-reader.ts";
import { invalidIpc } from "./invalid-ipc.ts";
import { decodeKeyValues, type SchemaMetadata } from "./key-values.ts";
import { DICTIONARY_ENCODING, FIELD, HEADER_TYPE, MESSAGE, SCHEMA } from "./slots.ts";
import { formatInt, formatType } from "./types.ts";

export type { SchemaMetadata } from "./key-values.ts";

export interface ArrowType {
  /** Canonical text, parameters included; equal texts are equal types, children aside. */
  readonly name: string;
}

export interface DictionaryEncoding {
  readonly id: bigint;
  readonly indexType: ArrowType;
  readonly isOrdered: boolean;
}

export interface ArrowField {
  readonly name: string;
  readonly nullable: boolean;
  /** For a dictionary-encoded field, the type of the dictionary's values. */
  readonly type: ArrowType;
  readonly children: readonly ArrowField[];
  readonly dictionary?: DictionaryEncoding;
  readonly metadata: SchemaMetadata;
}

export interface ArrowSchema {
  readonly endianness: "little" | "big";
  readonly fields: readonly ArrowField[];
  readonly metadata: SchemaMetadata;
}

const NO_FIELDS: readonly ArrowField[] = [];

/**
 * Decodes the header of a Schema message (a bare Message flatbuffer). Nothing of the bytes is kept.
 * @throws {CacheError} INVALID_IPC
 */
export function decodeSchema(header: Uint8Array): ArrowSchema {
  return decodeSchemaTable(schemaTable(new FlatbufferReader(header).root()));
}

/** The Schema table of a Message table. @throws {CacheError} INVALID_IPC when the message is none of a schema. */
export function schemaTable(message: FlatbufferTable): FlatbufferTable {
  const table = message.table(MESSAGE.header);
  if (message.uint8(MESSAGE.headerType, 0) !== HEADER_TYPE.schema || table === undefined) {
    throw invalidIpc("the message is not a schema");
  }
  return table;
}

/** Decodes a Schema table wherever it lies. @throws {CacheError} INVALID_IPC */
export function decodeSchemaTable(table: FlatbufferTable): ArrowSchema {
  const endianness = table.int16(SCHEMA.endianness, 0);
  if (endianness !== 0 && endianness !== 1) throw invalidIpc("the schema's endianness is unknown");
  const decoder = new FieldDecoder();
  return {
    endianness: endianness === 0 ? "little" : "big",
    fields: decoder.fields(table, SCHEMA.fields, 1),
    metadata: decoder.metadata(table, SCHEMA.metadata),
  };
}

/** True when both schemas describe batches of the same form: metadata and dictionary ids are not compared. */
export function sameFields(a: ArrowSchema, b: ArrowSchema): boolean {
  return a.endianness === b.endianness && sameFieldLists(a.fields, b.fields);
}

function sameFieldLists(a: readonly ArrowField[], b: readonly ArrowField[]): boolean {
  return a.length === b.length && a.every((field, index) => sameField(field, b[index]!));
}

function sameField(a: ArrowField, b: ArrowField): boolean {
  return (
    a.name === b.name &&
    a.nullable === b.nullable &&
    a.type.name === b.type.name &&
    a.dictionary?.indexType.name === b.dictionary?.indexType.name &&
    a.dictionary?.isOrdered === b.dictionary?.isOrdered &&
    sameFieldLists(a.children, b.children)
  );
}

class FieldDecoder {
  readonly #types = new Map<string, ArrowType>();
  #fieldCount = 0;
  #entryCount = 0;

  fields(table: FlatbufferTable, slot: number, depth: number): readonly ArrowField[] {
    const vector = table.vector(slot, 4);
    if (vector === undefined || vector.length === 0) return NO_FIELDS;
    if (depth > LIMITS.schemaDepthMax) throw invalidIpc("the schema is nested too deeply");
    this.#fieldCount += vector.length;
    if (this.#fieldCount > LIMITS.schemaFieldsMax) throw invalidIpc("the schema has too many fields");
    const fields: ArrowField[] = [];
    for (let index = 0; index < vector.length; index++) {
      fields.push(this.#field(table.reader.tableAt(vector.position + 4 * index), depth));
    }
    return fields;
  }

  metadata(table: FlatbufferTable, slot: number): SchemaMetadata {
    const entries = decodeKeyValues(table, slot);
    this.#entryCount += entries.length;
    if (this.#entryCount > LIMITS.schemaMetadataEntriesMax)
      throw invalidIpc("the schema has too much metadata");
    return entries;
  }

  #field(table: FlatbufferTable, depth: number): ArrowField {
    const type = table.table(FIELD.type);
    if (type === undefined) throw invalidIpc("a field has no type");
    const children = this.fields(table, FIELD.children, depth + 1);
    const field = {
      name: table.string(FIELD.name) ?? "",
      nullable: table.boolean(FIELD.nullable),
      type: this.#type(formatType(table.uint8(FIELD.typeId, 0), type, children.length)),
      children,
      metadata: this.metadata(table, FIELD.metadata),
    };
    const dictionary = table.table(FIELD.dictionary);
    return dictionary === undefined ? field : { ...field, dictionary: this.#dictionary(dictionary) };
  }

  /** Indices are int32 when nothing is said (Schema.fbs, DictionaryEncoding). */
  #dictionary(table: FlatbufferTable): DictionaryEncoding {
    const indexType = table.table(DICTIONARY_ENCODING.indexType);
    return {
      id: table.bigint64(DICTIONARY_ENCODING.id, 0n),
      indexType: this.#type(indexType === undefined ? "int32" : formatInt(indexType)),
      isOrdered: table.boolean(DICTIONARY_ENCODING.isOrdered),
    };
  }

  #type(name: string): ArrowType {
    let type = this.#types.get(name);
    if (type === undefined) {
      type = { name };
      this.#types.set(name, type);
    }
    return type;
  }
}
