/**
 * What the index needs of an object file, told by the file's last bytes alone: for the scan, which reads a million of them.
 *
 * Only a footer of our own whose seal is intact is understood; for everything else the answer is undefined, and stored-object.ts
 * has to look. The bytes before the footer are not checked here: a first get does that. Cost: 4 us.
 */
import { FlatbufferReader } from "../arrow/flatbuffer-reader.ts";
import { FILE_MAGIC } from "../arrow/footer.ts";
import { keyValueRanges } from "../arrow/key-values.ts";
import { FOOTER } from "../arrow/slots.ts";
import { isCacheError } from "../errors.ts";
import { type Lifetime, NEVER, type ObjectKind } from "./object-metadata.ts";
import { isFooterIntact } from "./sealed-footer.ts";

export interface FileFacts {
  readonly kind: ObjectKind;
  readonly version: number;
  readonly rowCount: number;
  readonly dataBytes: number;
  readonly lifetime: Lifetime | undefined;
}

/** END_OF_STREAM stands before the footer's flatbuffer, its int32 size and six letters of magic behind it. */
const BEFORE_BYTES = 8;
const AFTER_BYTES = 10;
const MAGIC_BYTES = 6;

/** @param tail the end of the file, or all of it. */
export function readFileFacts(tail: Buffer): FileFacts | undefined {
  const magicStart = tail.length - MAGIC_BYTES;
  if (tail.length < AFTER_BYTES || tail.compare(FILE_MAGIC, 0, MAGIC_BYTES, magicStart) !== 0)
    return undefined;
  const footerBytes = tail.readInt32LE(tail.length - AFTER_BYTES);
  const start = tail.length - AFTER_BYTES - footerBytes - BEFORE_BYTES;
  if (footerBytes <= 0 || start < 0) return undefined;
  try {
    const end = tail.subarray(start);
    return isFooterIntact(end) ? readEntries(end.subarray(BEFORE_BYTES, -AFTER_BYTES)) : undefined;
  } catch (error) {
    if (isCacheError(error, "INVALID_IPC")) return undefined;
    throw error;
  }
}

function readEntries(footer: Buffer): FileFacts | undefined {
  // One text for all entries: cutting it costs nothing, decoding each would.
  const text = footer.toString("latin1");
  const textOf = ({ position, length }: { readonly position: number; readonly length: number }): string =>
    text.slice(position, position + length);
  let [format, kind] = ["", ""];
  let [version, rowCount, dataBytes] = [-1, -1, -1];
  let [until, ttl] = ["", ""];
  for (const { key, value } of keyValueRanges(new FlatbufferReader(footer).root(), FOOTER.metadata)) {
    if (value === undefined) continue;
    const name = textOf(key);
    if (name === "flame.cache.format_version") format = textOf(value);
    else if (name === "flame.cache.kind") kind = textOf(value);
    else if (name === "flame.cache.version") version = wholeNumber(textOf(value));
    else if (name === "flame.cache.rows") rowCount = wholeNumber(textOf(value));
    else if (name === "flame.cache.data_bytes") dataBytes = wholeNumber(textOf(value));
    else if (name === "flame.cache.expires_at_ms") until = textOf(value);
    else if (name === "flame.cache.ttl_ms") ttl = textOf(value);
  }
  if (format !== "1" || (kind !== "opaque" && kind !== "table")) return undefined;
  if (version < 0 || rowCount < 0 || dataBytes < 0) return undefined;
  if (until === "") return { kind, version, rowCount, dataBytes, lifetime: undefined };
  const lifetime = {
    untilMs: until === NEVER ? Number.POSITIVE_INFINITY : wholeNumber(until),
    ttlMs: wholeNumber(ttl),
  };
  if (lifetime.untilMs < 0 || lifetime.ttlMs < 0) return undefined;
  return { kind, version, rowCount, dataBytes, lifetime };
}

/** -1 when it is none. */
function wholeNumber(digits: string): number {
  let value = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = digits.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return digits.length > 0 && Number.isSafeInteger(value) ? value : -1;
}
