/**
 * The body of a request as it arrives, before and while a handler reads it.
 *
 * node:http makes a view of each chunk and keeps all of them until somebody reads: a body in chunks
 * of one byte would cost 200 times its size while the request waits for its turn. So every chunk is
 * taken at once. Small ones are copied together; large ones stay views. If LIMITS.httpArrivedBytesMax
 * bytes wait, the connection is not read. Each chunk costs the event loop some microseconds, so all
 * connections whose reads bring many small ones share LIMITS.httpChunksPerSecond.
 */
import type { IncomingMessage } from "node:http";
import { LIMITS } from "../../limits.ts";
import { PacedSocket } from "./paced-socket.ts";

const BODIES = new WeakMap<IncomingMessage, ArrivingBody>();
const BLOCK_BYTES = LIMITS.smallChunkBytes;

/** When the small chunks of all connections so far are paid for. */
let paidMs = 0;

/** How long a connection that sent this many chunks at once must wait. */
function pauseFor(chunks: number): number {
  const nowMs = performance.now();
  paidMs = Math.max(paidMs, nowMs) + (chunks * 1000) / LIMITS.httpChunksPerSecond;
  return paidMs - nowMs;
}

export class ArrivingBody {
  hasEnded = false;
  /** Called when bytes have arrived, and at the end. */
  onChange: () => void = () => {};
  readonly #socket: PacedSocket;
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  #chunksOfTurn = 0;
  #isPaused = false;
  /** Set during the pause after a flood of small chunks. */
  #flood: NodeJS.Timeout | undefined;
  #isDropped = false;
  /** Small chunks are copied to the end of a block. */
  #block: Buffer = Buffer.alloc(0);
  #begin = 0;
  #end = 0;

  private constructor(request: IncomingMessage) {
    this.#socket = PacedSocket.of(request.socket);
    const end = (): void => {
      this.hasEnded = true;
      this.onChange();
    };
    request.on("data", (chunk: Buffer) => this.#take(chunk));
    request.on("end", end).on("close", end).on("error", end);
  }

  /** The body of a request, from its arrival on. */
  static of(request: IncomingMessage): ArrivingBody {
    const known = BODIES.get(request);
    if (known !== undefined) return known;
    const body = new ArrivingBody(request);
    BODIES.set(request, body);
    return body;
  }

  /** The next bytes that have arrived; undefined: none. */
  next(): Buffer | undefined {
    if (this.#parts.length === 0) this.#closePart();
    const part = this.#parts.shift();
    this.#bytes -= part?.length ?? 0;
    if (this.#bytes < LIMITS.httpArrivedBytesMax) this.#resume();
    return part;
  }

  /** Reads no more. */
  stop(): void {
    this.#socket.hold();
  }

  /** Drops what has arrived and what will. */
  drop(): void {
    this.#isDropped = true;
    this.#parts.length = 0;
    this.#bytes = 0;
    this.#block = Buffer.alloc(0);
    this.#begin = 0;
    this.#end = 0;
    this.#resume();
  }

  #take(chunk: Buffer): void {
    this.#chunksOfTurn += 1;
    // After all chunks of this read: what arrives meanwhile would be kept as views.
    if (this.#chunksOfTurn === 1) process.nextTick(() => this.#afterRead());
    if (this.#isDropped) return;
    if (chunk.length >= LIMITS.receiveViewBytesMin) {
      this.#closePart();
      this.#parts.push(chunk);
    } else this.#copy(chunk);
    this.#bytes += chunk.length;
  }

  #copy(chunk: Buffer): void {
    if (this.#end + chunk.length > this.#block.length) {
      this.#closePart();
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.#begin = 0;
      this.#end = 0;
    }
    this.#end += chunk.copy(this.#block, this.#end);
  }

  #closePart(): void {
    if (this.#end > this.#begin) this.#parts.push(this.#block.subarray(this.#begin, this.#end));
    this.#begin = this.#end;
  }

  #afterRead(): void {
    const chunks = this.#chunksOfTurn;
    const isFlood = chunks > LIMITS.httpChunksPerReadMax;
    this.#chunksOfTurn = 0;
    if (isFlood || this.#bytes >= LIMITS.httpArrivedBytesMax) this.#pause();
    if (isFlood) this.#flood ??= setTimeout(() => this.#endFlood(), pauseFor(chunks)).unref();
    this.onChange();
  }

  #endFlood(): void {
    this.#flood = undefined;
    if (this.#bytes < LIMITS.httpArrivedBytesMax) this.#resume();
  }

  #pause(): void {
    if (this.#isPaused || this.hasEnded) return;
    this.#isPaused = true;
    this.#socket.hold();
  }

  #resume(): void {
    if (!this.#isPaused || this.#flood !== undefined) return;
    this.#isPaused = false;
    this.#socket.release();
  }
}
