/**
 * Decodes the schema of a stream: fields, their types as text, and metadata, from a Schema message
 * or a footer.
 *
 * Source: Arrow format, Schema.fbs. Refuses schemas deeper or wider than the limits, and visits not
 * much more than the message contains, however its offsets overlap.
 * Cost: one object per field; types and empty lists are shared.
 */
import { LIMITS } from "../limits.ts";
import { atOnce } from "../turns.ts";
import {
  FlatbufferReader,
  type FlatbufferTable,
  type TextEncoding,
  type VectorRange,
} from "./flatbuffer-reader.ts";
import { invalidIpc } from "./invalid-ipc.ts";
import { countKeyValues, decodeKeyValues, type SchemaMetadata } from "./key-values.ts";
import { DICTIONARY_ENCODING, FIELD, HEADER_TYPE, MESSAGE, SCHEMA } from "./slots.ts";
import { formatInt, formatType, shortText } from "./types.ts";

export type { SchemaMetadata } from "./key-values.ts";

export interface ArrowType {
  /** Canonical text with parameters; equal texts mean equal types, apart from children. */
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

/** The part of a schema that determines the form of its batches. */
export type FieldsOnly = Pick<ArrowSchema, "endianness" | "fields">;

const NO_FIELDS: readonly ArrowField[] = [];
const NO_ENTRIES: SchemaMetadata = [];

/**
 * Decodes the header of a Schema message (a bare Message flatbuffer). Keeps no view of the bytes.
 * @throws {CacheError} INVALID_IPC
 */
export function decodeSchema(header: Uint8Array): ArrowSchema {
  return decodeSchemaTable(schemaTable(new FlatbufferReader(header).root()));
}

/**
 * The same in steps, so that others can run in between. Its metadata has a character for each byte,
 * for comparisons: 16 MiB of UTF-8 would take 150 ms at once.
 */
export function decodeBytewiseSteps(header: Uint8Array): Generator<void, ArrowSchema> {
  return decodeTableSteps(schemaTable(new FlatbufferReader(header).root()), new FieldDecoder("latin1"));
}

/**
 * The fields of a schema without their metadata, which is only counted, in steps: for comparisons.
 */
export function* decodeFieldsSteps(header: Uint8Array): Generator<void, FieldsOnly> {
  const table = schemaTable(new FlatbufferReader(header).root());
  const { endianness, fields } = yield* decodeTableSteps(table, new FieldDecoder("counted"));
  return { endianness, fields };
}

/**
 * The Schema table of a Message table. @throws {CacheError} INVALID_IPC if the message is not a
 * schema.
 */
export function schemaTable(message: FlatbufferTable): FlatbufferTable {
  const table = message.table(MESSAGE.header);
  if (message.uint8(MESSAGE.headerType, 0) !== HEADER_TYPE.schema || table === undefined) {
    throw invalidIpc("the message is not a schema");
  }
  return table;
}

/** Decodes a Schema table anywhere. @throws {CacheError} INVALID_IPC */
export function decodeSchemaTable(table: FlatbufferTable): ArrowSchema {
  return atOnce(decodeTableSteps(table, new FieldDecoder("utf8")));
}

function* decodeTableSteps(table: FlatbufferTable, decoder: FieldDecoder): Generator<void, ArrowSchema> {
  const endianness = table.int16(SCHEMA.endianness, 0);
  if (endianness !== 0 && endianness !== 1) throw invalidIpc("the schema's endianness is unknown");
  return {
    endianness: endianness === 0 ? "little" : "big",
    fields: yield* decoder.fields(table),
    metadata: decoder.metadata(table, SCHEMA.metadata),
  };
}

/**
 * True if both schemas describe batches of the same form. Metadata and dictionary ids are not
 * compared.
 */
export function sameFields(a: FieldsOnly, b: FieldsOnly): boolean {
  return atOnce(sameFieldsSteps(a, b));
}

export function* sameFieldsSteps(a: FieldsOnly, b: FieldsOnly): Generator<void, boolean> {
  if (a.endianness !== b.endianness) return false;
  const pairs = [[a.fields, b.fields] as const];
  let compared = 0;
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    const [ours, theirs] = pair;
    if (ours.length !== theirs.length) return false;
    for (const [index, field] of ours.entries()) {
      const other = theirs[index]!;
      if (!sameField(field, other)) return false;
      if (field.children !== other.children) pairs.push([field.children, other.children]);
      compared += 1;
      if (compared % FIELDS_PER_STEP === 0) yield;
    }
  }
  return true;
}

/** Without their children. */
function sameField(a: ArrowField, b: ArrowField): boolean {
  return (
    a.name === b.name &&
    a.nullable === b.nullable &&
    a.type.name === b.type.name &&
    a.dictionary?.indexType.name === b.dictionary?.indexType.name &&
    a.dictionary?.isOrdered === b.dictionary?.isOrdered
  );
}

/** Fields and metadata entries per step: a tenth of a millisecond of work. */
const FIELDS_PER_STEP = 32;
const ENTRIES_LIKE_A_FIELD = 8;

/** How metadata is read: as text of an encoding, or not at all. */
type EntriesAre = TextEncoding | "counted";

/** A vector of fields that is being decoded. */
interface FieldVector {
  readonly range: VectorRange;
  readonly depth: number;
  readonly into: ArrowField[];
  next: number;
}

/** Depth first with an explicit stack: a step may end anywhere. */
class FieldDecoder {
  readonly #entriesAre: EntriesAre;
  readonly #types = new Map<string, ArrowType>();
  readonly #open: FieldVector[] = [];
  #fieldCount = 0;
  #entryCount = 0;
  /** Work since the last step ended, in fields. */
  #work = 0;

  constructor(entriesAre: EntriesAre) {
    this.#entriesAre = entriesAre;
  }

  *fields(schema: FlatbufferTable): Generator<void, readonly ArrowField[]> {
    const fields = this.#begin(schema, SCHEMA.fields, 1)?.into ?? NO_FIELDS;
    for (let vector = this.#open.at(-1); vector !== undefined; vector = this.#open.at(-1)) {
      const { range, depth, into, next } = vector;
      if (next === range.length) {
        this.#open.pop();
        continue;
      }
      vector.next += 1;
      into.push(this.#field(schema.reader.tableAt(range.position + 4 * next), depth));
      this.#work += 1;
      if (this.#work < FIELDS_PER_STEP) continue;
      this.#work = 0;
      yield;
    }
    return fields;
  }

  metadata(table: FlatbufferTable, slot: number): SchemaMetadata {
    if (this.#entriesAre === "counted") {
      this.#count(countKeyValues(table, slot));
      return NO_ENTRIES;
    }
    const entries = decodeKeyValues(table, slot, this.#entriesAre);
    this.#count(entries.length);
    return entries;
  }

  #count(entries: number): void {
    this.#work += entries / ENTRIES_LIKE_A_FIELD;
    this.#entryCount += entries;
    if (this.#entryCount > LIMITS.schemaMetadataEntriesMax)
      throw invalidIpc("the schema has too much metadata");
  }

  /** Pushes a vector; undefined if it has no fields. */
  #begin(table: FlatbufferTable, slot: number, depth: number): FieldVector | undefined {
    const range = table.vector(slot, 4);
    if (range === undefined || range.length === 0) return undefined;
    if (depth > LIMITS.schemaDepthMax) throw invalidIpc("the schema is nested too deeply");
    this.#fieldCount += range.length;
    if (this.#fieldCount > LIMITS.schemaFieldsMax) throw invalidIpc("the schema has too many fields");
    const vector = { range, depth, into: [], next: 0 };
    this.#open.push(vector);
    return vector;
  }

  #field(table: FlatbufferTable, depth: number): ArrowField {
    const type = table.table(FIELD.type);
    if (type === undefined) throw invalidIpc("a field has no type");
    const children = this.#begin(table, FIELD.children, depth + 1);
    const field = {
      name: shortText(table, FIELD.name),
      nullable: table.boolean(FIELD.nullable),
      type: this.#type(formatType(table.uint8(FIELD.typeId, 0), type, children?.range.length ?? 0)),
      children: children?.into ?? NO_FIELDS,
      metadata: this.metadata(table, FIELD.metadata),
    };
    const dictionary = table.table(FIELD.dictionary);
    return dictionary === undefined ? field : { ...field, dictionary: this.#dictionary(dictionary) };
  }

  /** Indices are int32 by default (Schema.fbs, DictionaryEncoding). */
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
