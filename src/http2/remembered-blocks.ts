/**
 * Caches the last few header blocks of a connection by their bytes.
 *
 * A new block replaces the oldest. Each slot keeps its buffer, so a client whose blocks all differ
 * costs a copy but no new memory. The meaning of a block depends on the decoder's table: if that
 * changes, all blocks are forgotten.
 * Cost: a comparison of bytes for each cached block of the same length.
 */
import { LIMITS } from "../limits.ts";
import type { HeaderBlock, HeaderBlockKind } from "./header-block.ts";

interface Slot {
  /** The bytes of the block; the buffer may be longer. */
  bytes: Buffer;
  sizeBytes: number;
  kind: HeaderBlockKind;
  block: HeaderBlock;
}

export class RememberedBlocks {
  readonly #slots: Slot[] = [];
  #kept = 0;
  /** The slot to write next. */
  #next = 0;

  find(bytes: Buffer, kind: HeaderBlockKind): HeaderBlock | undefined {
    for (let i = 0; i < this.#kept; i++) {
      const slot = this.#slots[i]!;
      if (slot.sizeBytes !== bytes.length || slot.kind !== kind) continue;
      if (slot.bytes.compare(bytes, 0, bytes.length, 0, slot.sizeBytes) === 0) return slot.block;
    }
    return undefined;
  }

  /** Caches a block under a copy of `bytes`, unless it is too large. */
  keep(bytes: Buffer, kind: HeaderBlockKind, block: HeaderBlock): void {
    if (Math.max(bytes.length, block.sizeBytes) > LIMITS.rememberedHeaderBlockBytesMax) return;
    const buffer = this.#slots[this.#next]?.bytes;
    // Not from Buffer's pool: a small block would retain it for the life of the connection.
    const copy =
      buffer !== undefined && buffer.length >= bytes.length ? buffer : Buffer.allocUnsafeSlow(bytes.length);
    copy.set(bytes);
    this.#slots[this.#next] = { bytes: copy, sizeBytes: bytes.length, kind, block };
    this.#kept = Math.max(this.#kept, this.#next + 1);
    this.#next = (this.#next + 1) % LIMITS.rememberedHeaderBlocksMax;
  }

  forget(): void {
    for (const slot of this.#slots) slot.block = NO_BLOCK;
    this.#kept = 0;
    this.#next = 0;
  }
}

const NO_BLOCK: HeaderBlock = { fields: new Map(), sizeBytes: 0, isFull: false, malformed: undefined };
