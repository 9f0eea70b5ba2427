/**
 * Reads one blob for one reader: from its copy on the local disk, or from the store.
 *
 * Without a copy the bytes go to the reader and into a new copy at the same time (copies/). A reader
 * that is behind another one of the same blob gets what the other one has copied. Whatever happens
 * to the local disk, the store has the bytes.
 */
import { LIMITS } from "../../limits.ts";
import type { CopyUnderWay } from "../copies/copy-under-way.ts";
import type { LocalCopies, NamedBlob } from "../copies/local-copies.ts";
import type { OpenedCopy } from "../copies/opened-copy.ts";
import { type BlobRange, BlobRanges, type RangeMemory } from "./blob-ranges.ts";
import type { BlobSpan } from "./blobs.ts";

/** What the readers of one server share. */
export interface BlobSources {
  readonly memory: RangeMemory;
  /** Absent: nothing is kept on the local disk. */
  readonly copies?: LocalCopies | undefined;
}

/** Exactly these bytes of the store. */
export type FetchRange = (position: number, lengthBytes: number, signal: AbortSignal) => Promise<Buffer>;

export class BlobReader {
  readonly #blob: BlobSpan;
  readonly #blobName: string;
  readonly #sources: BlobSources;
  readonly #ranges: BlobRanges;
  readonly #closing = new AbortController();
  #opening: Promise<OpenedCopy | undefined> | undefined;
  #opened: OpenedCopy | undefined;
  #copying: CopyUnderWay | undefined;
  #hasJoined = false;
  #isClosed = false;

  constructor(blob: BlobSpan, blobName: string, fetch: FetchRange, sources: BlobSources) {
    this.#blob = blob;
    this.#blobName = blobName;
    this.#sources = sources;
    const request = (position: number, lengthBytes: number) =>
      fetch(position, lengthBytes, this.#closing.signal);
    this.#ranges = new BlobRanges(blob, request, sources.memory);
  }

  /** @throws {CacheError} what `fetch` throws, OBJECT_CORRUPT */
  async read(position: number, lengthBytes: number): Promise<Buffer> {
    const copy = await this.#copy();
    const copied = await copy?.read(position, lengthBytes);
    if (copied !== undefined) return copied;
    const bytes = Buffer.allocUnsafeSlow(lengthBytes);
    await this.#fill(bytes, position);
    return bytes;
  }

  /** @throws {CacheError} as `read` */
  async readInto(bytes: Buffer, position: number): Promise<void> {
    const copy = await this.#copy();
    if ((await copy?.readInto(bytes, position)) !== true) await this.#fill(bytes, position);
  }

  giveBack(bytes: Buffer): void {
    this.#opened?.giveBack(bytes);
  }

  /** Ends requests that are under way, unless they bring the last bytes of a copy. */
  close(bytesAreDone = false): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#completeCopy();
    if (this.#copying?.isBrought !== true) this.#closing.abort();
    this.#ranges.close();
    this.#copying?.leave();
    this.#opened?.close(bytesAreDone);
  }

  /** Opened by the first read. */
  async #copy(): Promise<OpenedCopy | undefined> {
    const { copies } = this.#sources;
    if (copies === undefined || this.#isClosed) return undefined;
    this.#opening ??= this.#openCopy(copies);
    return await this.#opening;
  }

  async #openCopy(copies: LocalCopies): Promise<OpenedCopy | undefined> {
    const opened = await copies.open(this.#named);
    if (this.#isClosed) opened?.close();
    else this.#opened = opened;
    return this.#opened;
  }

  /** A reader of the beginning probably reads all of it. */
  #joinCopy(position: number): void {
    if (this.#hasJoined || this.#isClosed || position >= LIMITS.blobRangeBytesMin) return;
    this.#hasJoined = true;
    this.#copying = this.#sources.copies?.join(this.#named);
  }

  /** Readers leave out padding at the end, and what they read of the end before. */
  #completeCopy(): void {
    const from = this.#copying?.wantedFrom;
    if (from === undefined || !this.#sources.memory.isPlentiful) return;
    const missingBytes = this.#blob.sizeBytes - from;
    if (missingBytes <= Math.min(from, LIMITS.blobRangeBytesMin)) this.#begin(from, missingBytes);
  }

  get #named(): NamedBlob {
    return { ...this.#blob, blobName: this.#blobName };
  }

  async #fill(bytes: Buffer, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += await this.#fillSome(bytes.subarray(done), position + done);
    }
  }

  /** @returns how many bytes; 0: look again. */
  async #fillSome(bytes: Buffer, position: number): Promise<number> {
    this.#joinCopy(position);
    const range = this.#ranges.find(position);
    if (range !== undefined) return await this.#take(range, bytes, position);
    const copied = (await this.#copying?.readInto(bytes, position)) ?? 0;
    if (copied > 0) return copied;
    await this.#copying?.waitForDisk();
    // Meanwhile anybody may have requested these bytes.
    if (this.#ranges.find(position) !== undefined || this.#copying?.brings(position)) return 0;
    return await this.#take(this.#begin(position, bytes.length), bytes, position);
  }

  #begin(position: number, lengthBytes: number): BlobRange {
    const continues = position === this.#copying?.wantedFrom;
    const range = this.#ranges.begin(position, lengthBytes, continues);
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
    if (!isAhead || isEnd || this.#isClosed || !this.#ranges.isLow || !this.#sources.memory.isPlentiful)
      return;
    const wanted = this.#copying?.wantedFrom;
    // Another reader brings these bytes.
    if (wanted !== undefined && wanted !== end) return;
    this.#begin(end, 1);
  }
}
