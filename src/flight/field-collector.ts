/**
 * Gathers the bytes of one field that arrives in pieces.
 *
 * A field that comes in one piece is handed on as a view of that piece. One that is split is copied, into memory
 * that grows with what has arrived and never with what was only announced: a peer that declares 32 MiB and then
 * says nothing costs little, and one that sends single bytes costs no more than the bytes.
 */
const FIRST_BYTES_MAX = 64 * 1024;
const NO_BYTES: Buffer = Buffer.alloc(0);

export class FieldCollector {
  #bytes = NO_BYTES;
  #filled = 0;
  #sizeBytes = 0;

  /** Starts a field of this size. */
  begin(sizeBytes: number): void {
    this.#bytes = NO_BYTES;
    this.#filled = 0;
    this.#sizeBytes = sizeBytes;
  }

  /** Takes the next piece, never more than is missing; returns the value when it is whole. */
  push(piece: Buffer): Buffer | undefined {
    if (this.#filled === 0 && piece.length === this.#sizeBytes) return piece;
    this.#grow(this.#filled + piece.length);
    piece.copy(this.#bytes, this.#filled);
    this.#filled += piece.length;
    if (this.#filled < this.#sizeBytes) return undefined;
    const value = this.#bytes;
    this.#bytes = NO_BYTES;
    return value;
  }

  /** Doubles, so that each byte is copied about twice at most; the last step lands on the size exactly. */
  #grow(needed: number): void {
    if (needed <= this.#bytes.length) return;
    const doubled = Math.max(FIRST_BYTES_MAX, this.#bytes.length * 2, needed);
    const larger = Buffer.allocUnsafe(Math.min(doubled, this.#sizeBytes));
    this.#bytes.copy(larger, 0, 0, this.#filled);
    this.#bytes = larger;
  }
}
