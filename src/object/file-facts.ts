/**
 * Reads the facts of an object for the index from the file's last bytes: for the scan of a million
 * files.
 *
 * It understands only our own footers with an intact seal; otherwise the result is undefined, and
 * stored-object.ts has to read the file. A footer that differs from a known one only in its
 * checksums is not parsed. The bytes before the footer are not checked here: the first get does
 * that.
 * Cost: 4 us, or 1.
 */
import { FlatbufferReader, type VectorRange } from "../arrow/flatbuffer-reader.ts";
import { FILE_MAGIC } from "../arrow/footer.ts";
import { keyValueRanges } from "../arrow/key-values.ts";
import { FOOTER } from "../arrow/slots.ts";
import { isCacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { BaseFacts } from "./index-facts.ts";
import { NEVER } from "./object-metadata.ts";
import { isFooterIntact } from "./sealed-footer.ts";

/** What a footer says. */
export type FileFacts = Omit<BaseFacts, "form" | "fileSizeBytes" | "value">;

/**
 * END_OF_STREAM precedes the footer's flatbuffer; its int32 size and six letters of magic follow.
 */
const BEFORE_BYTES = 8;
const AFTER_BYTES = 10;
const MAGIC_BYTES = 6;

const PREFIX = "flame.cache.";
const MAY_DIFFER: ReadonlySet<string> = new Set([`${PREFIX}footer_checksum`, `${PREFIX}checksum`]);

/** A parsed footer, and the ranges in which another object's may differ: seal and checksum. */
interface KnownFooter {
  readonly bytes: Buffer;
  /** Start and end of each range that may differ, ascending. */
  readonly holes: readonly (readonly [start: number, end: number])[];
  readonly facts: FileFacts;
}

/**
 * Objects of one kind, size and version have footers of few lengths, by the digits of their
 * checksums.
 */
const KNOWN_FOOTERS_MAX = 16;

export class FileFactsReader {
  /** By length. The latest is kept, because neighbours are similar. */
  readonly #known = new Map<number, KnownFooter>();

  /** @param tail the end of the file, or all of it. */
  read(tail: Buffer): FileFacts | undefined {
    const start = startOfFooter(tail);
    if (start === undefined) return undefined;
    const known = this.#known.get(tail.length - start);
    if (known !== undefined && isLike(known, tail, start)) return known.facts;
    try {
      const end = tail.subarray(start);
      return isFooterIntact(end) ? this.#understand(end) : undefined;
    } catch (error) {
      if (isCacheError(error, "INVALID_IPC")) return undefined;
      throw error;
    }
  }

  #understand(end: Buffer): FileFacts | undefined {
    const understood = readEntries(end.subarray(BEFORE_BYTES, -AFTER_BYTES));
    if (understood === undefined) return undefined;
    const { facts, holes } = understood;
    if (this.#known.size >= KNOWN_FOOTERS_MAX && !this.#known.has(end.length)) this.#known.clear();
    this.#known.set(end.length, { bytes: Buffer.from(end), holes, facts });
    return facts;
  }
}

/** Position of END_OF_STREAM before the footer. */
function startOfFooter(tail: Buffer): number | undefined {
  const magicStart = tail.length - MAGIC_BYTES;
  if (tail.length < AFTER_BYTES || tail.compare(FILE_MAGIC, 0, MAGIC_BYTES, magicStart) !== 0)
    return undefined;
  const footerBytes = tail.readInt32LE(tail.length - AFTER_BYTES);
  const start = tail.length - AFTER_BYTES - footerBytes - BEFORE_BYTES;
  return footerBytes <= 0 || start < 0 ? undefined : start;
}

/** True if both are equal outside the ranges that may differ. */
function isLike({ bytes, holes }: KnownFooter, tail: Buffer, start: number): boolean {
  let from = 0;
  for (const [holeStart, holeEnd] of holes) {
    if (tail.compare(bytes, from, holeStart, start + from, start + holeStart) !== 0) return false;
    from = holeEnd;
  }
  return tail.compare(bytes, from, bytes.length, start + from) === 0;
}

type Understood = Pick<KnownFooter, "facts" | "holes">;

/** @param footer its flatbuffer. */
function readEntries(footer: Buffer): Understood | undefined {
  // One text for all entries: substrings are free, decoding each would not be.
  const text = footer.toString("latin1");
  const textOf = ({ position, length }: VectorRange): string => text.slice(position, position + length);
  const found = new Map<string, string>();
  const holes: [number, number][] = [];
  for (const { key, value } of keyValueRanges(new FlatbufferReader(footer).root(), FOOTER.metadata)) {
    const name = textOf(key);
    if (value === undefined || !name.startsWith(PREFIX)) continue;
    found.set(name.slice(PREFIX.length), textOf(value));
    if (!MAY_DIFFER.has(name)) continue;
    const start = BEFORE_BYTES + value.position;
    holes.push([start, start + value.length]);
  }
  const facts = factsOf(found);
  return facts && { facts, holes: holes.sort(([a], [b]) => a - b) };
}

function factsOf(found: ReadonlyMap<string, string>): FileFacts | undefined {
  const kind = found.get("kind");
  if (found.get("format_version") !== "1" || (kind !== "opaque" && kind !== "table")) return undefined;
  const numberOf = (name: string): number => wholeNumber(found.get(name) ?? "");
  const [version, rowCount, dataBytes] = [numberOf("version"), numberOf("rows"), numberOf("data_bytes")];
  if (version < 0 || version > LIMITS.versionMax || rowCount < 0 || dataBytes < 0) return undefined;
  const latin1 = found.get("put_by");
  const putBy = latin1 === undefined ? undefined : Buffer.from(latin1, "latin1").toString();
  const until = found.get("expires_at_ms");
  if (until === undefined) return { kind, version, rowCount, dataBytes, lifetime: undefined, putBy };
  const untilMs = until === NEVER ? Number.POSITIVE_INFINITY : wholeNumber(until);
  const ttlMs = numberOf("ttl_ms");
  return untilMs < 0 || ttlMs < 0
    ? undefined
    : { kind, version, rowCount, dataBytes, lifetime: { untilMs, ttlMs }, putBy };
}

/** -1 if it is not one. */
function wholeNumber(digits: string): number {
  let value = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = digits.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return digits.length > 0 && Number.isSafeInteger(value) ? value : -1;
}
