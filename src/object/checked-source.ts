/**
 * Compares a stored object with its checksum on the way to the reader, without reading any byte
 * twice.
 *
 * up to wholeReadBytesMax   all bytes are read at once and compared before the first is sent
 * above                     summed piece by piece; the read that ends a range fails if the sum
 *                           differs, so that the last piece is never sent
 *
 * The head is compared when its schema is read (stored-object.ts); the footer has its own seal
 * (sealed-footer.ts).
 * Cost: one CRC-32 over the bytes read, 4 to 5 GB/s.
 */
import { crc32 } from "node:zlib";
import { ZERO_PADDING } from "../arrow/encapsulated.ts";
import { assert, CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { ByteSource } from "./byte-sink.ts";
import type { ByteRange, StoredObject } from "./stored-blocks.ts";

/** A range of the file that a reader reads from its first byte to its last, in order. */
export interface CheckedSpan extends ByteRange {
  /** Zeros after it that the sum includes and no reader reads. */
  readonly paddingBytes: number;
  readonly crc32: number;
}

/**
 * Wraps the object's source with comparison. The reader must read the data ranges, or the batches,
 * once and in order.
 * @param checked called when everything was read and matches.
 * @throws {CacheError} OBJECT_CORRUPT
 */
export async function checkedObject(object: StoredObject, checked: () => void): Promise<StoredObject> {
  const { source } = object;
  const spans = spansOf(object);
  const [first] = spans;
  const last = spans.at(-1);
  if (first === undefined || last === undefined) {
    checked();
    return object;
  }
  if (source.sizeBytes > LIMITS.wholeReadBytesMax) {
    return { ...object, source: new CheckedSource(source, spans, checked) };
  }
  const bytes = await source.read(first.position, last.position + last.sizeBytes - first.position);
  for (const span of spans) {
    const start = span.position - first.position;
    compare(crc32(bytes.subarray(start, start + span.sizeBytes)), span);
  }
  checked();
  return { ...object, source: new Stretch(source.sizeBytes, first.position, bytes) };
}

/** The ranges that will be read, with their sums; empty if the object has none. */
function spansOf(object: StoredObject): CheckedSpan[] {
  const spans: CheckedSpan[] = [];
  const ends = new Map(object.dataRanges.map(({ position, sizeBytes }) => [position, sizeBytes]));
  let position = 0;
  for (const [index, segment] of object.checksum.entries()) {
    // Of a table everything after the head is read, of a value only its data.
    const sizeBytes = object.kind === "table" ? segment.sizeBytes : (ends.get(position) ?? 0);
    if (sizeBytes > 0 && (object.kind === "opaque" || index > 0)) {
      const paddingBytes = segment.sizeBytes - sizeBytes;
      if (paddingBytes < 0 || paddingBytes > ZERO_PADDING.length) throw damaged(position);
      spans.push({ position, sizeBytes, paddingBytes, crc32: segment.crc32 });
    }
    position += segment.sizeBytes;
  }
  return spans;
}

class CheckedSource implements ByteSource {
  readonly sizeBytes: number;
  readonly #source: ByteSource;
  readonly #spans: CheckedSpan[];
  readonly #checked: () => void;
  /** Read bytes of the first remaining span, and their sum. */
  #doneBytes = 0;
  #crc32 = 0;

  constructor(source: ByteSource, spans: CheckedSpan[], checked: () => void) {
    this.sizeBytes = source.sizeBytes;
    this.#source = source;
    this.#spans = spans;
    this.#checked = checked;
  }

  async read(position: number, lengthBytes: number): Promise<Buffer> {
    const bytes = await this.#source.read(position, lengthBytes);
    if (lengthBytes > 0) this.#sum(position, bytes);
    return bytes;
  }

  giveBack(bytes: Buffer): void {
    this.#source.giveBack?.(bytes);
  }

  contiguousBytes(position: number): number {
    return this.#source.contiguousBytes?.(position) ?? Number.POSITIVE_INFINITY;
  }

  #sum(position: number, bytes: Buffer): void {
    const span = this.#spans[0];
    assert(span !== undefined && position === span.position + this.#doneBytes, "it is read in order, once");
    assert(this.#doneBytes + bytes.length <= span.sizeBytes, "a read ends where a stretch does");
    this.#crc32 = crc32(bytes, this.#crc32);
    this.#doneBytes += bytes.length;
    if (this.#doneBytes < span.sizeBytes) return;
    compare(this.#crc32, span);
    this.#spans.shift();
    this.#doneBytes = 0;
    this.#crc32 = 0;
    if (this.#spans.length === 0) this.#checked();
  }
}

/** Part of a file that is in memory. */
class Stretch implements ByteSource {
  readonly sizeBytes: number;
  readonly #start: number;
  readonly #bytes: Buffer;

  constructor(sizeBytes: number, start: number, bytes: Buffer) {
    this.sizeBytes = sizeBytes;
    this.#start = start;
    this.#bytes = bytes;
  }

  async read(position: number, lengthBytes: number): Promise<Buffer> {
    const from = position - this.#start;
    if (from < 0 || from + lengthBytes > this.#bytes.length) throw damaged(position);
    return this.#bytes.subarray(from, from + lengthBytes);
  }
}

/** @param sum of the bytes read, without the padding. */
function compare(sum: number, { paddingBytes, position, sizeBytes, crc32: written }: CheckedSpan): void {
  const all = paddingBytes === 0 ? sum : crc32(ZERO_PADDING.subarray(0, paddingBytes), sum);
  if (all !== written) throw damaged(position + sizeBytes);
}

function damaged(endsAt: number): CacheError {
  return new CacheError("OBJECT_CORRUPT", "the stored bytes do not match their checksum", {
    facts: { endsAt },
  });
}
