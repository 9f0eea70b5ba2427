/**
 * A list of byte strings in one piece of memory: each is a little-endian uint32 length, then its
 * bytes.
 *
 * The app_metadata of a quarter million batches has this form in a file's footer, while it is
 * gathered and while it is read: an object per item would cost a hundred times its bytes.
 * Cost: two copies of each added item, none of items that are read.
 */
import { CacheError } from "../errors.ts";

const ITEM_LENGTH_BYTES = 4;
const PIECE_BYTES_MIN = 1024;
const PIECE_BYTES_MAX = 64 * 1024;
const NOTHING = Buffer.alloc(0);

export class ByteList implements Iterable<Buffer> {
  readonly length: number;
  readonly bytes: Buffer;

  /**
   * @param length number of items in the bytes; counted if unknown. @throws {CacheError}
   *   OBJECT_CORRUPT if the last is cut off.
   */
  constructor(bytes: Buffer, length: number = countItems(bytes)) {
    this.bytes = bytes;
    this.length = length;
  }

  /** Views, in order. */
  *[Symbol.iterator](): Generator<Buffer> {
    for (let position = 0; position < this.bytes.length; ) {
      const end = position + ITEM_LENGTH_BYTES + this.bytes.readUInt32LE(position);
      yield this.bytes.subarray(position + ITEM_LENGTH_BYTES, end);
      position = end;
    }
  }
}

/**
 * Gathers items in pieces, so that little more memory is used than was added; none while all are
 * empty.
 */
export class ByteListWriter {
  readonly #full: Buffer[] = [];
  #open = NOTHING;
  #openBytes = 0;
  #length = 0;

  /** Bytes of all items, without their lengths. */
  itemBytes = 0;

  append(item: Uint8Array): void {
    this.#length += 1;
    this.itemBytes += item.length;
    if (this.itemBytes === 0) return;
    // The empty items before the first non-empty one: their lengths are zeros.
    if (this.itemBytes === item.length && item.length > 0)
      this.#full.push(Buffer.alloc((this.#length - 1) * ITEM_LENGTH_BYTES));
    const position = this.#reserve(ITEM_LENGTH_BYTES + item.length);
    this.#open.writeUInt32LE(item.length, position);
    this.#open.set(item, position + ITEM_LENGTH_BYTES);
  }

  /** undefined if all items are empty. */
  finish(): ByteList | undefined {
    if (this.itemBytes === 0) return undefined;
    return new ByteList(
      Buffer.concat([...this.#full, this.#open.subarray(0, this.#openBytes)]),
      this.#length,
    );
  }

  /** Reserves `sizeBytes` in the open piece and returns their position. */
  #reserve(sizeBytes: number): number {
    if (this.#openBytes + sizeBytes > this.#open.length) {
      this.#full.push(this.#open.subarray(0, this.#openBytes));
      const doubled = Math.max(PIECE_BYTES_MIN, 2 * this.#open.length);
      this.#open = Buffer.allocUnsafeSlow(Math.max(sizeBytes, Math.min(doubled, PIECE_BYTES_MAX)));
      this.#openBytes = 0;
    }
    const position = this.#openBytes;
    this.#openBytes += sizeBytes;
    return position;
  }
}

function countItems(bytes: Buffer): number {
  let count = 0;
  for (let position = 0; position < bytes.length; count += 1) {
    const start = position + ITEM_LENGTH_BYTES;
    position = start > bytes.length ? start : start + bytes.readUInt32LE(position);
    if (position > bytes.length)
      throw new CacheError("OBJECT_CORRUPT", "the app_metadata of the footer is cut off");
  }
  return count;
}
