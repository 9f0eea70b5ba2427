/**
 * The four bytes before a value's payload: what it was encoded as (docs/client.md, "Values").
 *
 *     46 4C 4D NN   "FLM" and a number
 *
 * | NN | payload                                                | read here as |
 * |----|--------------------------------------------------------|--------------|
 * | 00 | cloudpickle                                            | nothing: only Python can |
 * | 01 | numpy array, an Arrow tensor message                   | Tensor       |
 * | 02 | Arrow table, an IPC stream                             | table        |
 * | 03 | Arrow array, an IPC stream of one column named `data`  | column       |
 * | 04 | Arrow record batch, an IPC stream                      | table        |
 * | 05 | JSON, UTF-8                                            | JSON value   |
 * | 06 | bytes as they are                                      | Uint8Array   |
 * | 07 | cloudpickle with buffers behind it                     | nothing: only Python can |
 *
 * 05 to 07 are what the SDKs of this project write beyond the older clients, which fail on them cleanly. Files uploaded
 * in chunks, and pickles of the first clients, have no tag.
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

/** What a payload is, by its tag. */
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
 * The tag a value begins with; undefined when it begins with none.
 * @throws {CacheError} UNREADABLE_VALUE when it is a tag of a newer client.
 */
export function readTag(data: Uint8Array): TagName | undefined {
  if (data.length < TAG_SIZE_BYTES || !PREFIX.equals(data.subarray(0, PREFIX.length))) return undefined;
  const number = data[PREFIX.length]!;
  const name = TAG_NAMES[number];
  if (name !== undefined) return name;
  // Text that happens to begin with FLM has no such number behind it.
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
    "the value has no type tag: a file that was uploaded as it is (take downloadFile or getBytes), or a pickle of an older Python client",
  );
}

/** An UNREADABLE_VALUE error to throw. */
export function unreadable(text: string, cause?: unknown): CacheError {
  return new CacheError("UNREADABLE_VALUE", text, cause === undefined ? {} : { cause });
}
