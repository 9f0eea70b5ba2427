/**
 * The header blocks that crossed last, in places that both sides count alike: a block that comes again crosses as a number.
 *
 * A client sends nearly the same few blocks for all its calls, and its connection's decoder gives one object for equal ones.
 * The oldest gives way. Cost: a look into a map; without it most of what crosses for a small call would be its header.
 */
import type { HeaderBlock } from "../http2/hpack-decoder.ts";
import { LIMITS } from "../limits.ts";

/** The place of a block that is too large to be kept. */
export const NO_PLACE = -1;

export class CrossedRequests {
  readonly #blocks: HeaderBlock[] = [];
  readonly #places = new WeakMap<HeaderBlock, number>();
  #next = 0;

  /** Where the other side has it; undefined when it has to cross. */
  placeOf(block: HeaderBlock): number | undefined {
    const place = this.#places.get(block);
    return place !== undefined && this.#blocks[place] === block ? place : undefined;
  }

  /** It crosses now. @returns where the other side has to keep it */
  keep(block: HeaderBlock): number {
    if (block.sizeBytes > LIMITS.rememberedHeaderBlockBytesMax) return NO_PLACE;
    const place = this.#next;
    this.#next = (place + 1) % LIMITS.crossedRequestsMax;
    this.#blocks[place] = block;
    this.#places.set(block, place);
    return place;
  }
}
