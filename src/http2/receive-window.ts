/**
 * The receive window of one stream, and the bytes to return to the stream and to its connection.
 *
 * The stream's window is returned in halves: a small request needs no WINDOW_UPDATE, and a large
 * one does not stall while its reader is quick. The connection is credited for every byte at once
 * and sends quarters of its own window: if it waited for the halves of the streams, a few parallel
 * uploads would use up its window before any of them had read half of its own. A paused reader
 * withholds what it has read from both, so the peer stops when the window is used up.
 * Source: RFC 9113, 5.2 and 6.9.
 */
import { LIMITS } from "../limits.ts";

const WINDOW_BYTES = LIMITS.streamWindowBytes;

export class ReceiveWindow {
  #windowBytes: number = WINDOW_BYTES;
  /** Bytes read and not yet returned to the stream. */
  #readBytes = 0;
  /** Bytes read and not yet returned to the connection. */
  #heldBytes = 0;
  isPaused = false;

  /** @returns false if the peer exceeds its window */
  take(sizeBytes: number): boolean {
    this.#windowBytes -= sizeBytes;
    return this.#windowBytes >= 0;
  }

  read(sizeBytes: number): void {
    this.#readBytes += sizeBytes;
    this.#heldBytes += sizeBytes;
  }

  /** Bytes to return to the stream now; 0 if they are not worth a frame yet. */
  takeDueBytes(): number {
    if (this.isPaused || this.#readBytes < WINDOW_BYTES / 2) return 0;
    const sizeBytes = this.#readBytes;
    this.#windowBytes += sizeBytes;
    this.#readBytes = 0;
    return sizeBytes;
  }

  /**
   * Bytes to return to the connection. If the stream is closed, all of them, even during a pause.
   */
  takeHeldBytes(isClosed: boolean): number {
    if (this.isPaused && !isClosed) return 0;
    const sizeBytes = this.#heldBytes;
    this.#heldBytes = 0;
    return sizeBytes;
  }
}
