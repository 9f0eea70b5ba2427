/**
 * What the peer of one stream may still send, and what of it was read and goes back to the peer.
 *
 * Windows go back in quarters: a small request costs no frame, a large one is never held up by a full window while its
 * reader is quick. A reader that pauses keeps what it has read, so the peer stops when the window is used up.
 * Source: RFC 9113, 5.2 and 6.9.
 */
import { LIMITS } from "../limits.ts";

const WINDOW_BYTES = LIMITS.streamWindowBytes;

export class ReceiveWindow {
  #windowBytes: number = WINDOW_BYTES;
  #readBytes = 0;
  isPaused = false;

  /** @returns false when the peer sends more than it may. */
  take(sizeBytes: number): boolean {
    this.#windowBytes -= sizeBytes;
    return this.#windowBytes >= 0;
  }

  read(sizeBytes: number): void {
    this.#readBytes += sizeBytes;
  }

  /** Bytes to give back to the peer now; 0 while it is not worth a frame. */
  dueBytes(): number {
    if (this.isPaused || this.#readBytes < WINDOW_BYTES / 4) return 0;
    this.#windowBytes += this.#readBytes;
    return this.takeRest();
  }

  /** All that was read, when the stream itself needs no window any more. */
  takeRest(): number {
    const sizeBytes = this.#readBytes;
    this.#readBytes = 0;
    return sizeBytes;
  }
}
