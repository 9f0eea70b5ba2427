/**
 * The readable side of an HTTP/2 stream, handed chunk by chunk to a reader, with back-pressure.
 *
 * It takes the place of `push`, where node:http2 delivers each DATA frame, instead of listening for "data". A paused
 * stream still gets what its window allows, and node would keep that as one object per frame: a peer that sends frames of
 * one byte fills 100 MB with a window of 1 MiB. Here the reader's queue gathers small chunks, paused or not. It is also
 * 5 to 10 % cheaper for bulk data.
 * Relies on: Http2Stream calls its own `push` for data and end, stops reading when it returns false, and starts again
 * by `_read`. So it is on Node 20 to 26; were it to change, no call would get a byte and every test would say so.
 */
import type { Http2Stream } from "node:http2";

export interface ChunkReceiver {
  push(chunk: Buffer): void;
}

export class StreamSource {
  readonly #stream: Http2Stream;
  #isPaused = false;

  constructor(stream: Http2Stream) {
    this.#stream = stream;
  }

  /** Delivers to `receiver` from now on; the end is the stream's own event "end". */
  start(receiver: ChunkReceiver): void {
    const stream = this.#stream;
    // What came before we did; reading it also opens the window.
    for (let early: Buffer | null = stream.read(); early !== null; early = stream.read())
      receiver.push(early);
    const push = stream.push;
    stream.push = (chunk: Buffer | null): boolean => {
      if (chunk !== null) {
        receiver.push(chunk);
        return !this.#isPaused;
      }
      const isOpen = push.call(stream, null);
      stream.read(0);
      return isOpen;
    };
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#stream.destroyed) this.#stream._read(0);
  }
}
