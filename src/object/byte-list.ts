/**
 * A list of byte strings as one piece of memory: each a little-endian uint32 length, then its bytes.
 *
 * So the app_metadata of a quarter million batches lies in a file's footer, while it is gathered, and while it is read: an object for
 * each would cost a hundred times its bytes. Cost: one copy of each item that is added, none of those that are read.
 */
import { CacheError } from "../errors.ts";

const LENGTH_BYTES = 4;
const FIRST_BYTES = 4 * 1024;

export class ByteList implements Iterable<Buffer> {
  readonly length: number;
  readonly bytes: Buffer;

  /** @param length how many items the bytes hold; counted when it is not known. @throws {CacheError} OBJECT_CORRUPT when the last is cut. */
  constructor(bytes: Buffer, length: number = countItems(bytes)) {
    this.bytes = bytes;
    this.length = length;
  }

  /** Views, in order. */
  *[Symbol.iterator](): Generator<Buffer> {
    for (let position = 0; position < this.bytes.length; ) {
      const end = position + LENGTH_BYTES + this.bytes.readUInt32LE(position);
      yield this.bytes.subarray(position + LENGTH_BYTES, end);
      position = end;
    }
  }
}

/** Gathers items; keeps nothing while all of them are empty. */
export class ByteListWriter {
  #bytes = Buffer.alloc(0);
  #sizeBytes = 0;
  #length = 0;

  /** Bytes of all items, their lengths not counted. */
  itemBytes = 0;

  append(item: Uint8Array): void {
    this.#length += 1;
    this.itemBytes += item.length;
    if (this.itemBytes === 0) return;
    // The empty ones that came before the first that is not, and this one.
    if (this.itemBytes === item.length) this.#sizeBytes = (this.#length - 1) * LENGTH_BYTES;
    const position = this.#sizeBytes;
    this.#sizeBytes += LENGTH_BYTES + item.length;
    if (this.#sizeBytes > this.#bytes.length) this.#grow();
    this.#bytes.writeUInt32LE(item.length, position);
    this.#bytes.set(item, position + LENGTH_BYTES);
  }

  /** undefined when all items were empty. */
  finish(): ByteList | undefined {
    if (this.itemBytes === 0) return undefined;
    return new ByteList(this.#bytes.subarray(0, this.#sizeBytes), this.#length);
  }

  #grow(): void {
    const larger = Buffer.alloc(Math.max(FIRST_BYTES, 2 * this.#bytes.length, this.#sizeBytes));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

function countItems(bytes: Buffer): number {
  let count = 0;
  for (let position = 0; position < bytes.length; count += 1) {
    const start = position + LENGTH_BYTES;
    position = start > bytes.length ? start : start + bytes.readUInt32LE(position);
    if (position > bytes.length)
      throw new CacheError("OBJECT_CORRUPT", "the app_metadata of the footer is cut");
  }
  return count;
}
