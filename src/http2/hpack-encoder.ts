/**
 * Encodes header blocks without a dynamic table: the same fields are the same bytes on every
 * connection.
 *
 * Fields of the static table are sent as an index, others as literals that are not added. So a
 * block can be encoded once and sent many times, and no state can get out of sync. Strings are not
 * Huffman coded, because ours are short.
 * Source: RFC 7541, 6.1 and 6.2.2.
 * Cost: one buffer per block.
 */
import { STATIC_TABLE } from "./hpack-static-table.ts";

const INDEXED = 0x80;
/** Each length takes at most five bytes, and the index of a name two. */
const FIELD_OVERHEAD_BYTES_MAX = 12;

/** The first index of each name. */
const NAME_INDEX = new Map<string, number>();
/** Indices of whole fields, by name and value. */
const FIELD_INDEX = new Map<string, Map<string, number>>();
for (const [i, { name, value }] of STATIC_TABLE.entries()) {
  if (!NAME_INDEX.has(name)) NAME_INDEX.set(name, i + 1);
  const values = FIELD_INDEX.get(name) ?? new Map<string, number>();
  FIELD_INDEX.set(name, values.set(value, i + 1));
}

/**
 * @param fields names in lower case, pseudo-headers first; values are latin1, one byte per
 *   character
 */
export function encodeHeaderBlock(fields: Iterable<readonly [string, string]>): Buffer {
  const list = [...fields];
  let bytesMax = 0;
  for (const [name, value] of list) bytesMax += name.length + value.length + FIELD_OVERHEAD_BYTES_MAX;
  const block = Buffer.allocUnsafe(bytesMax);
  let position = 0;
  for (const [name, value] of list) {
    const index = FIELD_INDEX.get(name)?.get(value);
    position =
      index === undefined
        ? writeLiteral(block, position, name, value)
        : writeInteger(block, position, INDEXED, 7, index);
  }
  return block.subarray(0, position);
}

/** Writes at `position` and returns the position after it, like the functions below. */
function writeLiteral(block: Buffer, position: number, name: string, value: string): number {
  const nameIndex = NAME_INDEX.get(name) ?? 0;
  const afterIndex = writeInteger(block, position, 0, 4, nameIndex);
  return writeString(block, nameIndex === 0 ? writeString(block, afterIndex, name) : afterIndex, value);
}

function writeString(block: Buffer, position: number, text: string): number {
  const start = writeInteger(block, position, 0, 7, text.length);
  return start + block.write(text, start, "latin1");
}

/** @param pattern the bits above the prefix */
function writeInteger(
  block: Buffer,
  position: number,
  pattern: number,
  prefixBits: number,
  value: number,
): number {
  const prefixMax = (1 << prefixBits) - 1;
  if (value < prefixMax) {
    block[position] = pattern | value;
    return position + 1;
  }
  block[position] = pattern | prefixMax;
  let at = position + 1;
  let rest = value - prefixMax;
  for (; rest >= 0x80; rest >>>= 7) block[at++] = (rest & 0x7f) | 0x80;
  block[at] = rest;
  return at + 1;
}
