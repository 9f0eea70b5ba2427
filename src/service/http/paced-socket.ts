/**
 * Shares the turns of the event loop among HTTP connections, and with those of Flight.
 *
 * node:http parses all that one read of a socket brings: 64 KiB in chunks of one byte are 10,000
 * callbacks, and every connection can bring as much in the same turn. So what a socket has received
 * enters its stream in slices, when LoopTurns gives the connection its time; until then the socket
 * is not read. `push` and `_read` are the two methods of a Readable between its source and its
 * consumer. A listener for data makes node:http read through them and not past them.
 */
import type { Socket } from "node:net";
import { LIMITS } from "../../limits.ts";
import { type LoopTurns, THREAD_TURNS, type TurnUser } from "../../loop-turns.ts";

/** A slice that took less is followed by one of twice its size. */
const QUICK_MS = 0.1;
/** A slice that took more is followed by one of the least size. */
const SLOW_MS = 0.5;

const PACED = new WeakMap<Socket, PacedSocket>();

export class PacedSocket implements TurnUser {
  debtMs = 0;
  usedMs = 0;
  usedAtMs = performance.now();
  sliceMs: number = LIMITS.connectionSliceMs;
  readonly #socket: Socket;
  readonly #turns: LoopTurns;
  readonly #push: (chunk: Buffer | null) => boolean;
  /** Received and not yet in the stream; null is the end. */
  #waiting: (Buffer | null)[] = [];
  #sliceBytes: number = LIMITS.httpSliceBytesMin;
  #isHeld = false;

  constructor(socket: Socket, turns: LoopTurns) {
    this.#socket = socket;
    this.#turns = turns;
    this.#push = socket.push.bind(socket);
    const read = socket._read.bind(socket);
    socket.push = (chunk: Buffer | null) => this.#received(chunk);
    socket._read = (sizeBytes) => (this.#waiting.length === 0 ? read(sizeBytes) : this.#continue());
    socket.on("data", () => {});
    socket.on("resume", () => this.#continue());
    socket.once("close", () => {
      this.#waiting = [];
      turns.forget(this);
    });
  }

  /** The pace of a socket, from the first call on. */
  static of(socket: Socket): PacedSocket {
    const known = PACED.get(socket);
    if (known !== undefined) return known;
    const paced = new PacedSocket(socket, THREAD_TURNS);
    PACED.set(socket, paced);
    return paced;
  }

  /**
   * Nothing enters the stream until `release`. A paused request would not do: node:http resumes its
   * socket and keeps each chunk.
   */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#continue();
  }

  runSlice(untilMs: number): void {
    this.#run(untilMs);
  }

  /** @returns false if the socket must not be read until its stream asks for more. */
  #received(chunk: Buffer | null): boolean {
    this.#waiting.push(chunk);
    if (this.#waiting.length > 1) return false;
    const untilMs = this.#turns.begin(this, chunk?.length ?? 0);
    if (untilMs > 0) return this.#run(untilMs);
    this.#continue();
    return false;
  }

  /** @returns true if nothing waits and the stream takes more. */
  #run(untilMs: number): boolean {
    let takesMore = false;
    for (let beganMs = performance.now(); this.#mayRun && beganMs < untilMs; ) {
      takesMore = this.#push(this.#nextSlice());
      const nowMs = performance.now();
      this.#adapt(nowMs - beganMs);
      beganMs = nowMs;
    }
    this.#continue();
    return takesMore && this.#waiting.length === 0;
  }

  get #mayRun(): boolean {
    if (this.#isHeld || this.#waiting.length === 0) return false;
    return !this.#socket.isPaused() && !this.#socket.destroyed;
  }

  #continue(): void {
    if (this.#mayRun) this.#turns.wait(this);
  }

  #nextSlice(): Buffer | null {
    const [first] = this.#waiting as [Buffer | null];
    if (first === null || first.length <= this.#sliceBytes) this.#waiting.shift();
    else this.#waiting[0] = first.subarray(this.#sliceBytes);
    return first?.subarray(0, this.#sliceBytes) ?? null;
  }

  #adapt(tookMs: number): void {
    const { httpSliceBytesMin, httpSliceBytesMax } = LIMITS;
    if (tookMs > SLOW_MS) this.#sliceBytes = httpSliceBytesMin;
    else if (tookMs < QUICK_MS) this.#sliceBytes = Math.min(this.#sliceBytes * 2, httpSliceBytesMax);
  }
}
