/**
 * Schema messages for tests, also of types pyarrow cannot make and of forms no honest writer makes.
 */
import {
  FlatbufferWriter,
  int16,
  int64,
  OFFSET,
  type SlotValue,
  uint8,
} from "../../../src/arrow/flatbuffer-writer.ts";
import { type SchemaMetadata, writeKeyValues } from "../../../src/arrow/key-values.ts";
import { HEADER_TYPE, METADATA_V5, TYPE_ID } from "../../../src/arrow/slots.ts";

export interface BuiltType {
  readonly typeId: number;
  readonly slots?: readonly (SlotValue | undefined)[];
  /** Written into the type's last slot, which must be OFFSET: a string, or a vector of int32. */
  readonly tail?: string | readonly number[];
}

export interface BuiltField extends BuiltType {
  readonly name?: string;
  readonly children?: readonly BuiltField[];
  /** Dictionary encoding with these slots of its own: id, index type left out, ordered. */
  readonly dictionary?: { readonly id: bigint; readonly isOrdered?: boolean };
  readonly metadata?: SchemaMetadata;
}

/** A Message with a Schema table whose slots are given; returns the slots' places to link. */
export function beginSchema(
  writer: FlatbufferWriter,
  slots: readonly (SlotValue | undefined)[],
): readonly number[] {
  const message = writer.table([int16(METADATA_V5), uint8(HEADER_TYPE.schema), OFFSET, int64(0)]);
  writer.link(0, message.position);
  const schema = writer.table(slots);
  writer.link(message.slots[2]!, schema.position);
  return schema.slots;
}

export function buildSchema(fields: readonly BuiltField[], endianness = 0): Buffer {
  const writer = new FlatbufferWriter();
  const slots = beginSchema(writer, [int16(endianness), OFFSET]);
  writeFields(writer, slots[1]!, fields);
  return writer.finish();
}

function writeFields(writer: FlatbufferWriter, from: number, fields: readonly BuiltField[]): void {
  const vector = writer.vector(fields.length, 4, 4);
  writer.link(from, vector);
  fields.forEach((field, index) => {
    writeField(writer, vector + 4 + 4 * index, field);
  });
}

function writeField(writer: FlatbufferWriter, from: number, field: BuiltField): void {
  const { name, children, dictionary, metadata } = field;
  const table = writer.table([
    name === undefined ? undefined : OFFSET,
    uint8(1),
    uint8(field.typeId),
    OFFSET,
    dictionary && OFFSET,
    children && OFFSET,
    metadata && OFFSET,
  ]);
  writer.link(from, table.position);
  writeType(writer, table.slots[3]!, field);
  if (name !== undefined) writer.link(table.slots[0]!, writer.string(name));
  if (children !== undefined) writeFields(writer, table.slots[5]!, children);
  if (metadata !== undefined) writeKeyValues(writer, table.slots[6]!, metadata);
  if (dictionary === undefined) return;
  const isOrdered = uint8(dictionary.isOrdered === true ? 1 : 0);
  writer.link(table.slots[4]!, writer.table([int64(dictionary.id), undefined, isOrdered]).position);
}

function writeType(writer: FlatbufferWriter, from: number, { slots = [], tail }: BuiltType): void {
  const table = writer.table(slots);
  writer.link(from, table.position);
  if (tail === undefined) return;
  writer.link(table.slots.at(-1)!, typeof tail === "string" ? writer.string(tail) : writeInts(writer, tail));
}

function writeInts(writer: FlatbufferWriter, values: readonly number[]): number {
  const vector = writer.vector(values.length, 4, 4);
  values.forEach((value, index) => {
    writer.setInt32(vector + 4 + 4 * index, value);
  });
  return vector;
}

/** A field of structs in structs, `depth` fields in all. */
export function nestedField(depth: number): BuiltField {
  let field: BuiltField = { typeId: TYPE_ID.null };
  for (let level = 1; level < depth; level++) field = { typeId: TYPE_ID.struct, children: [field] };
  return field;
}
