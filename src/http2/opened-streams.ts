/**
 * Which stream numbers a peer has used, and which it skipped.
 *
 * A number below the highest belongs to a stream that was opened (and may be closed), or was
 * skipped; skipped streams are closed when a higher one opens (RFC 9113, 5.1.1). Clients count up
 * without gaps, so only the latest few gaps are kept.
 * Cost: a comparison for each stream.
 */
import { LIMITS } from "../limits.ts";

/** The skipped numbers between two streams, exclusive. */
interface Gap {
  readonly above: number;
  readonly below: number;
}

export class OpenedStreams {
  #last = 0;
  /** Newest last. */
  readonly #gaps: Gap[] = [];

  /** The highest opened stream; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** @param streamId odd, and higher than `last` */
  open(streamId: number): void {
    // Before the first stream the lower neighbour is -1: stream 1 skips nothing.
    const above = this.#last === 0 ? -1 : this.#last;
    this.#last = streamId;
    if (streamId === above + 2) return;
    this.#gaps.push({ above, below: streamId });
    if (this.#gaps.length > LIMITS.streamGapsMax) this.#gaps.shift();
  }

  /** True if this number, at most `last`, was skipped. Old gaps are forgotten. */
  isPassedOver(streamId: number): boolean {
    return this.#gaps.some(({ above, below }) => above < streamId && streamId < below);
  }
}
