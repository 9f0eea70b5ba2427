/**
 * Reads a stream of chunks by byte counts: peek, read, or pass on.
 *
 * Returns views of the chunks; only a peek or read across a chunk border copies. Holds at most one
 * chunk more than requested. A wait for the next chunk ends when the signal is aborted, even if the
 * source sends nothing.
 */
import { cancelled } from "./failure.ts";

export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #hasEnded = false;

  constructor(source: AsyncIterable<Uint8Array>, signal?: AbortSignal) {
    this.#source = source[Symbol.asyncIterator]();
    this.#signal = signal;
  }

  /** The next `count` bytes, without consuming them; fewer at the end of the stream. */
  async peek(count: number): Promise<Buffer> {
    while (this.#waitingBytes < count && (await this.#pull()));
    if ((this.#waiting[0]?.length ?? 0) < count && this.#waiting.length > 1)
      this.#waiting = [Buffer.concat(this.#waiting)];
    return this.#waiting[0]?.subarray(0, count) ?? Buffer.alloc(0);
  }

  /** Consumes the next `count` bytes; fewer at the end of the stream. */
  async read(count: number): Promise<Buffer> {
    const bytes = await this.peek(count);
    this.#drop(bytes.length);
    return bytes;
  }

  /** Consumes the next available bytes, at most `countMax`; undefined at the end. */
  async next(countMax: number): Promise<Buffer | undefined> {
    if (this.#waitingBytes === 0 && !(await this.#pull())) return undefined;
    const piece = this.#waiting[0]!.subarray(0, countMax);
    this.#drop(piece.length);
    return piece;
  }

  /** Passes the next `count` bytes on as they arrive; fewer at the end of the stream. */
  async *pieces(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      const piece = await this.next(left);
      if (piece === undefined) return;
      left -= piece.length;
      yield piece;
    }
  }

  #drop(count: number): void {
    this.#waitingBytes -= count;
    for (let left = count; left > 0; ) {
      const first = this.#waiting[0]!;
      if (first.length > left) {
        this.#waiting[0] = first.subarray(left);
        return;
      }
      left -= first.length;
      this.#waiting.shift();
    }
  }

  /** Waits for one more chunk. False at the end. */
  async #pull(): Promise<boolean> {
    if (this.#hasEnded) return false;
    const result = await unlessAborted(this.#source.next(), this.#signal);
    if (result.done === true) {
      this.#hasEnded = true;
      return false;
    }
    const { buffer, byteOffset, byteLength } = result.value;
    // An empty chunk is not the end.
    if (byteLength === 0) return await this.#pull();
    this.#waiting.push(Buffer.from(buffer, byteOffset, byteLength));
    this.#waitingBytes += byteLength;
    return true;
  }
}

/** The result of a promise. @throws {CacheError} CANCELLED if the signal is aborted first. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(cancelled());
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    // The promise that lost the race must not become an unhandled rejection.
    promise.catch(() => {});
    aborted.catch(() => {});
  }
}
