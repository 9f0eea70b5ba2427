/**
 * The last few header blocks of a connection, by their bytes.
 *
 * The oldest gives way. Each place keeps its buffer, so that a client whose blocks all differ costs a copy and no memory.
 * What a block means changes with the decoder's table: then all of them are forgotten.
 * Cost: a comparison of bytes for each block of the same length.
 */
import { LIMITS } from "../limits.ts";
import type { HeaderBlock, HeaderBlockKind } from "./header-block.ts";

interface Place {
  /** The block's bytes, and room for longer ones behind. */
  bytes: Buffer;
  sizeBytes: number;
  kind: HeaderBlockKind;
  block: HeaderBlock;
}

export class RememberedBlocks {
  readonly #places: Place[] = [];
  #kept = 0;
  /** The place that is written next. */
  #next = 0;

  find(bytes: Buffer, kind: HeaderBlockKind): HeaderBlock | undefined {
    for (let i = 0; i < this.#kept; i++) {
      const place = this.#places[i]!;
      if (place.sizeBytes !== bytes.length || place.kind !== kind) continue;
      if (place.bytes.compare(bytes, 0, bytes.length, 0, place.sizeBytes) === 0) return place.block;
    }
    return undefined;
  }

  /** Remembers a block under a copy of `bytes`, unless it is too large for that. */
  keep(bytes: Buffer, kind: HeaderBlockKind, block: HeaderBlock): void {
    if (Math.max(bytes.length, block.sizeBytes) > LIMITS.rememberedHeaderBlockBytesMax) return;
    const room = this.#places[this.#next]?.bytes;
    // Not out of the pool, which small blocks would hold for as long as the connection lives.
    const copy =
      room !== undefined && room.length >= bytes.length ? room : Buffer.allocUnsafeSlow(bytes.length);
    copy.set(bytes);
    this.#places[this.#next] = { bytes: copy, sizeBytes: bytes.length, kind, block };
    this.#kept = Math.max(this.#kept, this.#next + 1);
    this.#next = (this.#next + 1) % LIMITS.rememberedHeaderBlocksMax;
  }

  forget(): void {
    for (const place of this.#places) place.block = NO_BLOCK;
    this.#kept = 0;
    this.#next = 0;
  }
}

const NO_BLOCK: HeaderBlock = { fields: new Map(), sizeBytes: 0, isFull: false, malformed: undefined };
