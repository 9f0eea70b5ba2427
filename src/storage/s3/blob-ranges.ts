/**
 * The ranges of a blob that one reader requests: the first is short, each next one twice as long, so
 * that a large blob costs few requests and a short read few bytes.
 *
 * When half of the last range is taken, the next one is requested. A range counts towards memory
 * that all readers share until its bytes are taken and, if they are copied, on the local disk;
 * without memory the reader requests exactly what it needs. A blob that is requested from its
 * beginning to its end without a gap is compared with its checksum.
 */
import { crc32 } from "node:zlib";
import { LIMITS } from "../../limits.ts";
import type { BroughtRange } from "../copies/copy-under-way.ts";
import { type BlobSpan, corruptBlob } from "./blobs.ts";

/** Requests exactly these bytes. */
export type RequestRange = (position: number, lengthBytes: number) => Promise<Buffer>;

/** Memory for ranges, of all readers of one server. */
export class RangeMemory {
  readonly #bytesMax: number;
  #freeBytes: number;

  constructor(bytesMax: number = LIMITS.blobRangesBytesMax) {
    this.#bytesMax = bytesMax;
    this.#freeBytes = bytesMax;
  }

  /** What one range may take, so that slow readers leave something to others. */
  get shareBytes(): number {
    return this.#freeBytes / 4;
  }

  /** True if ranges that no reader waits for yet may be requested. */
  get isPlentiful(): boolean {
    return this.#freeBytes * 2 > this.#bytesMax;
  }

  take(bytes: number): boolean {
    if (bytes > this.#freeBytes) return false;
    this.#freeBytes -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#freeBytes += bytes;
  }
}

export class BlobRange implements BroughtRange {
  readonly position: number;
  readonly sizeBytes: number;
  /** False: exactly what one read needs. */
  readonly isAhead: boolean;
  readonly bytes: Promise<Buffer>;
  takenBytes = 0;
  readonly #onRelease: () => void;
  #holds = 1;

  constructor(
    place: { readonly position: number; readonly sizeBytes: number; readonly isAhead: boolean },
    bytes: Promise<Buffer>,
    onRelease: () => void,
  ) {
    this.position = place.position;
    this.sizeBytes = place.sizeBytes;
    this.isAhead = place.isAhead;
    this.bytes = bytes;
    this.#onRelease = onRelease;
    // Its readers get the error; there may be none left.
    bytes.catch(() => {});
  }

  get end(): number {
    return this.position + this.sizeBytes;
  }

  hold(): void {
    this.#holds += 1;
  }

  release(): void {
    this.#holds -= 1;
    if (this.#holds === 0) this.#onRelease();
  }
}

/** Ranges that a reader may leave behind, such as those of a jump. */
const RANGES_MAX = 3;

export class BlobRanges {
  readonly #blob: BlobSpan;
  readonly #fetch: RequestRange;
  readonly #memory: RangeMemory;
  #ranges: BlobRange[] = [];
  /** The end of the last range, whether it is still here or not. */
  #end = 0;
  #nextBytes: number = LIMITS.blobRangeBytesMin;
  /** The checksum up to the last range; undefined after a gap. */
  #sum: Promise<number> | undefined = Promise.resolve(0);

  constructor(blob: BlobSpan, fetch: RequestRange, memory: RangeMemory) {
    this.#blob = blob;
    this.#fetch = fetch;
    this.#memory = memory;
  }

  /** The range with this byte, requested or arrived. */
  find(position: number): BlobRange | undefined {
    return this.#ranges.find((range) => range.position <= position && position < range.end);
  }

  /** True if half of the last range is taken. */
  get isLow(): boolean {
    const last = this.#ranges.at(-1);
    return last === undefined || last.takenBytes * 2 >= last.sizeBytes;
  }

  /**
   * Requests the range behind the last one, or one that begins near `position` after a jump.
   * @param continues true: the reader got the bytes before `position` from elsewhere and does not jump.
   */
  begin(position: number, wantedBytes: number, continues = false): BlobRange {
    if (continues && position !== this.#end) {
      this.#end = position;
      this.#sum = undefined;
    }
    const isNext = position >= this.#end && position < this.#end + this.#nextBytes;
    const start = isNext ? this.#end : position - (position % LIMITS.copyBlockBytes);
    if (!isNext) {
      this.close();
      this.#nextBytes = LIMITS.blobRangeBytesMin;
    }
    const { shareBytes } = this.#memory;
    const share = Math.max(LIMITS.blobRangeBytesMin, shareBytes - (shareBytes % LIMITS.copyBlockBytes));
    const sizeBytes = Math.min(this.#nextBytes, share, this.#blob.sizeBytes - start);
    // A small share may end before the position, if the range before is still on its way.
    if (position < start + sizeBytes && this.#memory.take(sizeBytes)) {
      this.#nextBytes = Math.min(2 * this.#nextBytes, LIMITS.blobRangeBytesMax);
      return this.#request({ position: start, sizeBytes, isAhead: true });
    }
    return this.#request({ position, sizeBytes: wantedBytes, isAhead: false });
  }

  /** Bytes of a range were used. */
  taken(range: BlobRange, bytes: number): void {
    range.takenBytes += bytes;
    if (range.takenBytes >= range.sizeBytes) this.drop(range);
  }

  drop(range: BlobRange): void {
    if (!this.#ranges.includes(range)) return;
    this.#ranges = this.#ranges.filter((each) => each !== range);
    range.release();
  }

  /** Drops all ranges. */
  close(): void {
    for (const range of this.#ranges) this.drop(range);
  }

  #request(place: { readonly position: number; readonly sizeBytes: number; readonly isAhead: boolean }) {
    const { position, sizeBytes, isAhead } = place;
    const bytes = this.#checked(position, this.#fetch(position, sizeBytes));
    const range = new BlobRange(place, bytes, () => {
      if (isAhead) this.#memory.give(sizeBytes);
    });
    this.#end = range.end;
    this.#ranges.push(range);
    if (this.#ranges.length > RANGES_MAX) this.drop(this.#ranges[0]!);
    return range;
  }

  #checked(position: number, fetched: Promise<Buffer>): Promise<Buffer> {
    const before = position === 0 ? Promise.resolve(0) : position === this.#end ? this.#sum : undefined;
    this.#sum = undefined;
    if (before === undefined) return fetched;
    const arrived = Promise.all([fetched, before]).then(([bytes, sum]) => ({
      bytes,
      sum: crc32(bytes, sum),
    }));
    this.#sum = arrived.then(({ sum }) => sum);
    this.#sum.catch(() => {});
    return arrived.then(({ bytes, sum }) => {
      const isWhole = position + bytes.length === this.#blob.sizeBytes;
      if (isWhole && sum !== this.#blob.crc32) throw corruptBlob(this.#blob.id);
      return bytes;
    });
  }
}
