/**
 * The header blocks that were last sent to the other thread, in slots that both threads number
 * alike. A repeated block is sent as its slot number.
 *
 * A client sends the same few blocks for nearly all calls, and the decoder returns one object for
 * equal blocks. A new block replaces the oldest.
 * Cost: a map lookup; without it most bytes of a small call would be header blocks.
 */
import type { HeaderBlock } from "../http2/hpack-decoder.ts";
import { LIMITS } from "../limits.ts";

/** The slot of a block that is too large to keep. */
export const NO_SLOT = -1;

export class SentHeaderBlocks {
  readonly #blocks: HeaderBlock[] = [];
  readonly #slots = new WeakMap<HeaderBlock, number>();
  #next = 0;

  /** The block's slot on the other side; undefined if the block must be sent. */
  slotOf(block: HeaderBlock): number | undefined {
    const slot = this.#slots.get(block);
    return slot !== undefined && this.#blocks[slot] === block ? slot : undefined;
  }

  /** Keeps a block that is sent now. @returns its slot on the other side */
  keep(block: HeaderBlock): number {
    if (block.sizeBytes > LIMITS.rememberedHeaderBlockBytesMax) return NO_SLOT;
    const slot = this.#next;
    this.#next = (slot + 1) % LIMITS.relayedHeaderBlocksMax;
    this.#blocks[slot] = block;
    this.#slots.set(block, slot);
    return slot;
  }
}
