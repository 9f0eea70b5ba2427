/**
 * Reads one blob for one reader: from its copy on the local disk, or from the store.
 *
 * Without a copy the bytes go to the reader and into a new copy at the same time (copies/). A reader
 * that is behind another one of the same blob gets what the other one has copied. Whatever happens
 * to the local disk, the store has the bytes.
 */
import { LIMITS } from "../../limits.ts";
import type { CopyUnderWay } from "../copies/copy-under-way.ts";
import type { LocalCopies } from "../copies/local-copies.ts";
import type { OpenedCopy } from "../copies/opened-copy.ts";
import { type BlobRange, BlobRanges, type FetchRange, type RangeMemory } from "./blob-ranges.ts";
import type { BlobSpan } from "./blobs.ts";

/** What the readers of one server share. */
export interface BlobSources {
  readonly memory: RangeMemory;
  /** Absent: nothing is kept on the local disk. */
  readonly copies?: LocalCopies | undefined;
}

export class BlobReader {
  readonly #blob: BlobSpan;
  readonly #blobName: string;
  readonly #sources: BlobSources;
  readonly #ranges: BlobRanges;
  #opening: Promise<OpenedCopy | undefined> | undefined;
  #opened: OpenedCopy | undefined;
  #copying: CopyUnderWay | undefined;
  #isClosed = false;

  /** @param fetch from the store; ends when the reader is closed. */
  constructor(blob: BlobSpan, blobName: string, fetch: FetchRange, sources: BlobSources) {
    this.#blob = blob;
    this.#blobName = blobName;
    this.#sources = sources;
    this.#ranges = new BlobRanges(blob, fetch, sources.memory);
  }

  /** @throws {CacheError} what `fetch` throws, OBJECT_CORRUPT */
  async read(position: number, lengthBytes: number): Promise<Buffer> {
    const copy = await this.#copy(position);
    const copied = await copy?.read(position, lengthBytes);
    if (copied !== undefined) return copied;
    const bytes = Buffer.allocUnsafeSlow(lengthBytes);
    await this.#fill(bytes, position);
    return bytes;
  }

  /** @throws {CacheError} as `read` */
  async readInto(bytes: Buffer, position: number): Promise<void> {
    const copy = await this.#copy(position);
    if ((await copy?.readInto(bytes, position)) !== true) await this.#fill(bytes, position);
  }

  giveBack(bytes: Buffer): void {
    this.#opened?.giveBack(bytes);
  }

  close(bytesAreDone = false): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#ranges.close();
    this.#copying?.leave();
    this.#opened?.close(bytesAreDone);
  }

  /** Opened by the first read. If there is none, and that read is one of the beginning, one is begun. */
  async #copy(position: number): Promise<OpenedCopy | undefined> {
    const { copies } = this.#sources;
    if (copies === undefined || this.#isClosed) return undefined;
    this.#opening ??= this.#openCopy(copies, position < LIMITS.blobRangeBytesMin);
    return await this.#opening;
  }

  async #openCopy(copies: LocalCopies, mayCopy: boolean): Promise<OpenedCopy | undefined> {
    const blob = { ...this.#blob, blobName: this.#blobName };
    const opened = await copies.open(blob);
    if (this.#isClosed) opened?.close();
    else if (opened !== undefined) this.#opened = opened;
    else if (mayCopy) this.#copying = copies.join(blob);
    return this.#opened;
  }

  async #fill(bytes: Buffer, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += await this.#fillSome(bytes.subarray(done), position + done);
    }
  }

  /** @returns how many bytes; at least one. */
  async #fillSome(bytes: Buffer, position: number): Promise<number> {
    const range = this.#ranges.find(position);
    if (range !== undefined) return await this.#take(range, bytes, position);
    const copied = (await this.#copying?.readInto(bytes, position)) ?? 0;
    if (copied > 0) return copied;
    await this.#copying?.mayBring();
    // Meanwhile another read of this reader may have requested the range.
    const next = this.#ranges.find(position) ?? this.#begin(position, bytes.length);
    return await this.#take(next, bytes, position);
  }

  #begin(position: number, lengthBytes: number): BlobRange {
    const range = this.#ranges.begin(position, lengthBytes);
    if (range.isAhead && range.position === this.#copying?.wantedFrom) this.#copying.bring(range);
    return range;
  }

  async #take(range: BlobRange, bytes: Buffer, position: number): Promise<number> {
    let arrived: Buffer;
    try {
      arrived = await range.bytes;
    } catch (error) {
      this.#ranges.drop(range);
      throw error;
    }
    const copied = arrived.copy(bytes, 0, position - range.position);
    this.#ranges.taken(range, copied);
    this.#requestAhead(range);
    return copied;
  }

  /** Keeps the store busy while the reader uses what arrived. */
  #requestAhead({ end, isAhead }: BlobRange): void {
    const isEnd = end >= this.#blob.sizeBytes || this.#ranges.find(end) !== undefined;
    if (!isAhead || isEnd || this.#isClosed || !this.#ranges.isLow) return;
    const wanted = this.#copying?.wantedFrom;
    // Another reader brings these bytes.
    if (wanted !== undefined && wanted !== end) return;
    this.#begin(end, 1);
  }
}
