/**
 * The header blocks that crossed last, in slots that both sides number alike: a repeated block
 * crosses as a number.
 *
 * A client sends nearly the same few blocks for all its calls, and the decoder returns one object
 * for equal blocks. The oldest is replaced.
 * Cost: a map lookup; without it header blocks would be most of what crosses for a small call.
 */
import type { HeaderBlock } from "../http2/hpack-decoder.ts";
import { LIMITS } from "../limits.ts";

/** The slot of a block that is too large to keep. */
export const NO_PLACE = -1;

export class CrossedRequests {
  readonly #blocks: HeaderBlock[] = [];
  readonly #places = new WeakMap<HeaderBlock, number>();
  #next = 0;

  /** The block's slot on the other side; undefined if it has to cross. */
  placeOf(block: HeaderBlock): number | undefined {
    const place = this.#places.get(block);
    return place !== undefined && this.#blocks[place] === block ? place : undefined;
  }

  /** Keeps a block that crosses now. @returns its slot on the other side */
  keep(block: HeaderBlock): number {
    if (block.sizeBytes > LIMITS.rememberedHeaderBlockBytesMax) return NO_PLACE;
    const place = this.#next;
    this.#next = (place + 1) % LIMITS.crossedRequestsMax;
    this.#blocks[place] = block;
    this.#places.set(block, place);
    return place;
  }
}
