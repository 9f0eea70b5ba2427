/**
 * The four bytes before a value's payload, which name its encoding (docs/client.md, "Values").
 *
 *     46 4C 4D NN   "FLM" and a number, the position in TAG_NAMES
 *
 * | NN | payload                                                |
 * |----|--------------------------------------------------------|
 * | 00 | cloudpickle                                            |
 * | 01 | numpy array, an Arrow tensor message                   |
 * | 02 | Arrow table, an IPC stream                             |
 * | 03 | Arrow array, an IPC stream of one column named `data`  |
 * | 04 | Arrow record batch, an IPC stream                      |
 * | 05 | JSON, UTF-8                                            |
 * | 06 | bytes as they are                                      |
 * | 07 | cloudpickle with buffers after it                      |
 *
 * The clients write and read them. Of the server only the HTTP API looks at them. Pure.
 */
export const TAG_SIZE_BYTES = 4;

export const TAG_NAMES = [
  "cloudpickle",
  "numpy",
  "table",
  "array",
  "recordBatch",
  "json",
  "bytes",
  "bufferedPickle",
] as const;

/** The encodings, by their tags. */
export type TagName = (typeof TAG_NAMES)[number];

const PREFIX = Buffer.from("FLM", "latin1");
/** Text that starts with FLM has no such number after it. */
const NUMBER_END = 0x20;

/** @returns a fresh buffer of TAG_SIZE_BYTES. */
export function encodeTag(name: TagName): Buffer {
  return Buffer.from([...PREFIX, TAG_NAMES.indexOf(name)]);
}

/** The number of the tag at the start of a value, of a newer client too; undefined if there is none. */
export function tagNumber(data: Uint8Array): number | undefined {
  if (data.length < TAG_SIZE_BYTES || !PREFIX.equals(data.subarray(0, PREFIX.length))) return undefined;
  const number = data[PREFIX.length]!;
  return number < NUMBER_END ? number : undefined;
}
