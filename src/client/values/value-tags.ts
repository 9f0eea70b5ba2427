/**
 * The four bytes before a value's payload, which give its encoding (docs/client.md, "Values").
 *
 *     46 4C 4D NN   "FLM" and a number
 *
 * | NN | payload                                                | decoded to   |
 * |----|--------------------------------------------------------|--------------|
 * | 00 | cloudpickle                                            | error: Python only |
 * | 01 | numpy array, an Arrow tensor message                   | Tensor       |
 * | 02 | Arrow table, an IPC stream                             | table        |
 * | 03 | Arrow array, an IPC stream of one column named `data`  | column       |
 * | 04 | Arrow record batch, an IPC stream                      | table        |
 * | 05 | JSON, UTF-8                                            | JSON value   |
 * | 06 | bytes as they are                                      | Uint8Array   |
 * | 07 | cloudpickle with buffers after it                      | error: Python only |
 *
 * Only the SDKs of this project write 05 to 07; older clients report an error for them. Files that
 * were uploaded in chunks, and pickles of the first clients, have no tag.
 */
import { CacheError } from "../../errors.ts";

export const TAG_SIZE_BYTES = 4;

const TAG_NAMES = [
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

/** @returns a fresh buffer of TAG_SIZE_BYTES. */
export function encodeTag(name: TagName): Buffer {
  return Buffer.from([...PREFIX, TAG_NAMES.indexOf(name)]);
}

/** The tag in hexadecimal with its name, for errors. */
function describeTag(number: number): string {
  const hex = number.toString(16).padStart(2, "0").toUpperCase();
  return `FLM\\x${hex}${TAG_NAMES[number] === undefined ? "" : ` (${TAG_NAMES[number]})`}`;
}

/**
 * The tag at the start of a value; undefined if there is none.
 * @throws {CacheError} UNREADABLE_VALUE for a tag of a newer client.
 */
export function readTag(data: Uint8Array): TagName | undefined {
  if (data.length < TAG_SIZE_BYTES || !PREFIX.equals(data.subarray(0, PREFIX.length))) return undefined;
  const number = data[PREFIX.length]!;
  const name = TAG_NAMES[number];
  if (name !== undefined) return name;
  // Text that starts with FLM has no such number after it.
  if (number >= 0x20) return undefined;
  throw unreadable(`the value has the type tag ${describeTag(number)}, which this client does not know`);
}

/** @returns the error of a value that only Python can read. */
export function pickledError(name: TagName): CacheError {
  return unreadable(
    `the value has the type tag ${describeTag(TAG_NAMES.indexOf(name))}: a Python pickle, which only Python can read; put JSON-like values, bytes or tables to share it`,
  );
}

/** @returns the error of a value without a tag. */
export function untaggedError(): CacheError {
  return unreadable(
    "the value has no type tag: an uploaded file (use downloadFile or getBytes), or a pickle of an older Python client",
  );
}

/** An UNREADABLE_VALUE error to throw. */
export function unreadable(text: string, cause?: unknown): CacheError {
  return new CacheError("UNREADABLE_VALUE", text, cause === undefined ? {} : { cause });
}
