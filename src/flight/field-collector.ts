/**
 * Gathers the bytes of one field that arrives in pieces.
 *
 * A field in one piece is returned as a view of it. A split field is copied into blocks, allocated
 * as bytes arrive and not as announced: a peer that declares 16 MiB and sends nothing costs one
 * block, and a peer that sends single bytes costs only those bytes. The blocks are joined at the
 * last byte: two copies in all.
 */
const BLOCK_BYTES = 64 * 1024;
const NO_BYTES: Buffer = Buffer.alloc(0);

export class FieldCollector {
  /** All full except the last. */
  #blocks: Buffer[] = [];
  /** Bytes in the last block. */
  #lastFilled = 0;
  #filled = 0;
  #sizeBytes = 0;

  /** Memory of the value that is being gathered, bytes. */
  get heldBytes(): number {
    return this.#blocks.length === 0 ? 0 : this.#filled - this.#lastFilled + this.#last.length;
  }

  /** Starts a field of this size. */
  begin(sizeBytes: number): void {
    this.#blocks = [];
    this.#lastFilled = 0;
    this.#filled = 0;
    this.#sizeBytes = sizeBytes;
  }

  /** Takes the next piece, never more than is missing. Returns the value when it is complete. */
  push(piece: Buffer): Buffer | undefined {
    if (this.#filled === 0 && piece.length === this.#sizeBytes) return piece;
    for (let from = 0; from < piece.length; ) from += this.#copy(piece, from);
    if (this.#filled < this.#sizeBytes) return undefined;
    const value = this.#blocks.length === 1 ? this.#last : Buffer.concat(this.#blocks, this.#sizeBytes);
    this.#blocks = [];
    return value;
  }

  get #last(): Buffer {
    return this.#blocks.at(-1) ?? NO_BYTES;
  }

  /** @returns how many bytes of the piece were copied to the last block. */
  #copy(piece: Buffer, from: number): number {
    if (this.#lastFilled === this.#last.length) {
      this.#blocks.push(Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, this.#sizeBytes - this.#filled)));
      this.#lastFilled = 0;
    }
    const copied = piece.copy(this.#last, this.#lastFilled, from);
    this.#lastFilled += copied;
    this.#filled += copied;
    return copied;
  }
}
