/**
 * Writes all bytes of many chunks: one writev for up to 1024 of them (IOV_MAX), continued after
 * short writes.
 *
 * `writeFullySync` blocks; `writeFully` uses the thread pool.
 */
import fs from "node:fs";
import { assert } from "../../errors.ts";

const CHUNKS_PER_CALL_MAX = 1024;

export function writeFullySync(fd: number, chunks: readonly Uint8Array[], position: number): void {
  const rest = new Unwritten(chunks, position);
  while (rest.hasBytes) rest.advance(fs.writevSync(fd, rest.nextCall(), rest.position));
}

export function writeFully(fd: number, chunks: readonly Uint8Array[], position: number): Promise<void> {
  const rest = new Unwritten(chunks, position);
  return new Promise((resolve, reject) => {
    const next = (): void => {
      fs.writev(fd, rest.nextCall(), rest.position, (error, writtenBytes) => {
        if (error) {
          reject(error);
          return;
        }
        rest.advance(writtenBytes);
        if (rest.hasBytes) next();
        else resolve();
      });
    };
    if (rest.hasBytes) next();
    else resolve();
  });
}

/** The chunks, or parts of them, still to be written, and their position. */
export class Unwritten {
  #chunks: readonly Uint8Array[];
  #next = 0;
  position: number;

  constructor(chunks: readonly Uint8Array[], position: number) {
    this.#chunks = chunks;
    this.position = position;
    this.#skipEmpty();
  }

  get hasBytes(): boolean {
    return this.#next < this.#chunks.length;
  }

  nextCall(): Uint8Array[] {
    return this.#chunks.slice(this.#next, this.#next + CHUNKS_PER_CALL_MAX);
  }

  advance(writtenBytes: number): void {
    assert(writtenBytes > 0, "a write takes at least one byte or fails");
    this.position += writtenBytes;
    let left = writtenBytes;
    while (left > 0) {
      const chunk = this.#chunks[this.#next]!;
      if (left < chunk.length) {
        this.#chunks = this.#chunks.with(this.#next, chunk.subarray(left));
        return;
      }
      left -= chunk.length;
      this.#next += 1;
    }
    this.#skipEmpty();
  }

  #skipEmpty(): void {
    while (this.#chunks[this.#next]?.length === 0) this.#next += 1;
  }
}
