/**
 * The nodes and buffers of a batch message, taken in order by the layouts of its columns.
 *
 * Each buffer is inside the body, at a multiple of 8, after the previous one, and as large as its
 * column needs. In a compressed body only the size in the 8 bytes before each buffer can be
 * checked.
 */
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { invalidIpc } from "../invalid-ipc.ts";
import type { BufferRange, FieldNode, MessageBatch, MetadataVersion } from "../message.ts";
import { ElementWalk, int64At, type Scratch, type Walk } from "./walks/walk.ts";

export interface BatchContext {
  readonly metadataVersion: MetadataVersion;
  readonly isBigEndian: boolean;
  /** Whether values are checked as well. */
  readonly isFull: boolean;
  /** Current number of rows of each dictionary, by id. */
  readonly dictionaryLengths: ReadonlyMap<bigint, number>;
}

export class BatchParts {
  readonly context: BatchContext;
  /** The checks to run while the body passes, in its order. */
  readonly walks: Walk[] = [];
  readonly isCompressed: boolean;
  readonly #batch: MessageBatch;
  #nextNode = 0;
  #nextBuffer = 0;
  #nextCount = 0;
  #bodyEnd = 0;

  constructor(batch: MessageBatch, context: BatchContext) {
    this.context = context;
    this.isCompressed = batch.compression !== "none";
    this.#batch = batch;
  }

  /** The next column's node. */
  node(): FieldNode {
    const node = this.#batch.nodeAt(this.#nextNode);
    if (node === undefined) throw invalidIpc("a batch has fewer nodes than its schema has columns");
    if (node.nullCount > node.length) throw invalidIpc("a column has more nulls than rows");
    this.#nextNode += 1;
    return node;
  }

  /** The next buffer, which must hold at least `neededBytes`. */
  buffer(neededBytes: number): BufferRange {
    const buffer = this.#batch.bufferAt(this.#nextBuffer);
    if (buffer === undefined) throw invalidIpc("a batch has fewer buffers than its schema needs");
    this.#nextBuffer += 1;
    const { offset, sizeBytes } = buffer;
    if (sizeBytes > 0) {
      if (offset < this.#bodyEnd) throw invalidIpc("a buffer overlaps the previous one");
      if (offset % 8 !== 0) throw invalidIpc("a buffer is not aligned");
      this.#bodyEnd = offset + sizeBytes;
    }
    if (!this.isCompressed || sizeBytes === 0) {
      if (sizeBytes < neededBytes) throw invalidIpc("a buffer is smaller than its column needs");
    } else {
      if (sizeBytes < PREFIX_BYTES) throw invalidIpc("a compressed buffer has no size");
      this.walks.push(new PrefixWalk(buffer, neededBytes));
    }
    return buffer;
  }

  /** The number of data buffers of the next view column. */
  dataBufferCount(): number {
    const count = this.#batch.dataBufferCountAt(this.#nextCount);
    if (count === undefined) throw invalidIpc("a view column has no data buffer count");
    if (count > this.#batch.bufferCount) throw invalidIpc("a batch has fewer buffers than its schema needs");
    this.#nextCount += 1;
    return count;
  }

  /** Adds a check, unless the body is compressed or the range empty. @param at a reserved place. */
  walk(walk: Walk, at: number = this.walks.length): void {
    if (this.isCompressed || walk.end === walk.start) return;
    if (at === this.walks.length) this.walks.push(walk);
    else this.walks[at] = walk;
  }

  /** Reserves a place for a walk that can be created only after later ones. */
  keepPlace(): number {
    return this.walks.push(NOTHING) - 1;
  }

  /**
   * Charges memory for items held of a passing column. @returns their number; 0 if it is
   * compressed.
   * @throws {CacheError} OBJECT_TOO_LARGE
   */
  held(count: number, itemBytes: number): number {
    if (this.isCompressed) return 0;
    if (count * itemBytes <= LIMITS.validationHeldBytesMax) return count;
    const text = `a batch cannot be checked within ${LIMITS.validationHeldBytesMax} bytes: put smaller batches`;
    throw new CacheError("OBJECT_TOO_LARGE", text);
  }

  /** Checks that the columns have taken all nodes and buffers. */
  finish(): void {
    const isAllTaken =
      this.#nextNode === this.#batch.nodeCount &&
      this.#nextBuffer === this.#batch.bufferCount &&
      this.#nextCount === this.#batch.viewColumnCount;
    if (!isAllTaken) throw invalidIpc("a batch has more nodes or buffers than its schema needs");
  }
}

/** A placeholder without bytes, which is skipped. */
const NOTHING: Walk = { start: 0, end: 0, feed: () => {}, done: () => {} };
const PREFIX_BYTES = 8;
const NOT_COMPRESSED = -1;

/** Checks the uncompressed size of a compressed buffer. */
class PrefixWalk extends ElementWalk {
  readonly #neededBytes: number;
  readonly #rawBytes: number;

  constructor({ offset, sizeBytes }: BufferRange, neededBytes: number) {
    // Always little-endian (Message.fbs, BodyCompressionMethod).
    super({ start: offset, count: 1, elementBytes: PREFIX_BYTES, isBigEndian: false });
    this.#neededBytes = neededBytes;
    this.#rawBytes = sizeBytes - PREFIX_BYTES;
  }

  protected override run(scratch: Scratch): void {
    const said = int64At(scratch, 0);
    const sizeBytes = said === NOT_COMPRESSED ? this.#rawBytes : said;
    if (sizeBytes < this.#neededBytes || !Number.isSafeInteger(sizeBytes)) {
      throw invalidIpc("a compressed buffer decompresses to an impossible size");
    }
  }
}
