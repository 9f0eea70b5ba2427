/**
 * Which numbers a peer has used for its streams, and which it has passed over.
 *
 * A number below the highest one belongs to a stream that was opened, and may be gone, or to none: those were closed when a higher
 * one was opened (RFC 9113, 5.1.1). Clients count up without gaps, so only the gaps are kept, the latest few of them.
 * Cost: a comparison for each stream.
 */
import { LIMITS } from "../limits.ts";

/** Numbers between two streams that were opened one after the other, both ends outside. */
interface Gap {
  readonly above: number;
  readonly below: number;
}

export class OpenedStreams {
  #last = 0;
  /** Latest last. */
  readonly #gaps: Gap[] = [];

  /** The highest stream that was opened; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** @param streamId odd, and higher than the last. */
  open(streamId: number): void {
    // Before the first stream -1 would be its neighbour: 1 passes nothing over.
    const above = this.#last === 0 ? -1 : this.#last;
    this.#last = streamId;
    if (streamId === above + 2) return;
    this.#gaps.push({ above, below: streamId });
    if (this.#gaps.length > LIMITS.streamGapsMax) this.#gaps.shift();
  }

  /** True when this number, not higher than the last, was passed over; of gaps long ago nothing is known. */
  isPassedOver(streamId: number): boolean {
    return this.#gaps.some(({ above, below }) => above < streamId && streamId < below);
  }
}
