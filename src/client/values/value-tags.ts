/**
 * What this client makes of a value's type tag (object/value-tags.ts): the encoding, or the error.
 *
 * | tags             | decoded to                   |
 * |------------------|------------------------------|
 * | 00, 07           | error: Python only           |
 * | 01               | Tensor                       |
 * | 02, 04           | table                        |
 * | 03               | column                       |
 * | 05               | JSON value                   |
 * | 06               | Uint8Array                   |
 *
 * Only the SDKs of this project write 05 to 07; older clients report an error for them. Files that
 * were uploaded in chunks, and pickles of the first clients, have no tag.
 */
import { CacheError } from "../../errors.ts";
import { TAG_NAMES, type TagName, tagNumber } from "../../object/value-tags.ts";

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
  const number = tagNumber(data);
  if (number === undefined) return undefined;
  const name = TAG_NAMES[number];
  if (name !== undefined) return name;
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
