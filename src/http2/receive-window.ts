/**
 * What the peer of one stream may still send, and what of it was read and goes back: to the stream, and to its connection.
 *
 * The stream's window goes back in halves: a small request costs no frame, a large one is never held up by a full window
 * while its reader is quick. The connection hears of every byte at once and has quarters of its own: were it to wait for the halves
 * of the streams, a few uploads side by side would use up its window before any of them had read half of theirs.
 * A reader that pauses keeps what it has read from both, so the peer stops when the window is used up.
 * Source: RFC 9113, 5.2 and 6.9.
 */
import { LIMITS } from "../limits.ts";

const WINDOW_BYTES = LIMITS.streamWindowBytes;

export class ReceiveWindow {
  #windowBytes: number = WINDOW_BYTES;
  /** Bytes that were read, and not given back to the stream's peer. */
  #readBytes = 0;
  /** Bytes that were read, and not given back to the connection. */
  #heldBytes = 0;
  isPaused = false;

  /** @returns false when the peer sends more than it may. */
  take(sizeBytes: number): boolean {
    this.#windowBytes -= sizeBytes;
    return this.#windowBytes >= 0;
  }

  read(sizeBytes: number): void {
    this.#readBytes += sizeBytes;
    this.#heldBytes += sizeBytes;
  }

  /** Bytes to give back to the stream's peer now; 0 while it is not worth a frame. */
  takeDueBytes(): number {
    if (this.isPaused || this.#readBytes < WINDOW_BYTES / 2) return 0;
    const sizeBytes = this.#readBytes;
    this.#windowBytes += sizeBytes;
    this.#readBytes = 0;
    return sizeBytes;
  }

  /** Bytes to give back to the connection: all of them, also of a pause, when the stream is gone. */
  takeHeldBytes(isGone: boolean): number {
    if (this.isPaused && !isGone) return 0;
    const sizeBytes = this.#heldBytes;
    this.#heldBytes = 0;
    return sizeBytes;
  }
}
