/**
 * What one call holds beside the queue of its answer: its request, what was collected of it, and reads that are under way.
 *
 * The queue of the answer is charged to the connection by the stream, because it may outlive the call.
 */
import { LIMITS } from "../limits.ts";
import type { CallMemory, ConnectionMemory } from "./call-memory.ts";

/** How far an answer has got. */
export interface AnswerState {
  /** What waits to be sent, bytes. */
  readonly queuedBytes: number;
  /** What the peer would take now, bytes. */
  readonly openBytes: number;
}

export class CallAccount {
  readonly connection: ConnectionMemory;
  #otherBytes = 0;
  /** Of the request, what its reader has not taken. */
  #arrivedBytes = 0;
  /** Of the request, what is kept. */
  #collectedBytes = 0;
  /** Reads for the answer that are under way. */
  #readingBytes = 0;
  #isClosed = false;

  constructor(connection: ConnectionMemory) {
    this.connection = connection;
    this.#otherBytes = LIMITS.callMemoryBytes;
    connection.add(this.#otherBytes);
  }

  get heldBytes(): number {
    return this.#otherBytes + this.#arrivedBytes + this.#collectedBytes;
  }

  get memory(): CallMemory {
    return this.connection.all;
  }

  /** Bytes of the request that are there and were not taken. Negative gives back. */
  arrived(bytes: number): void {
    if (this.#isClosed) return;
    this.#arrivedBytes += bytes;
    this.connection.arrived(bytes);
  }

  /** Bytes of the request that are kept, `taken` of which had arrived. Negative gives back. */
  collected(bytes: number, takenBytes = 0): void {
    if (this.#isClosed) return;
    this.arrived(-takenBytes);
    this.#collectedBytes += bytes;
    this.connection.arrived(bytes);
  }

  /** False when no more of the request may be collected before memory was given back. A small one takes from the reserve. */
  get mayCollect(): boolean {
    const { freeOfReserveBytes, freeBytes, all } = this.connection;
    if (freeOfReserveBytes >= 0 && all.overdrawnBytes === 0) return true;
    return this.#collectedBytes <= LIMITS.callPieceBytesMax && freeBytes >= 0;
  }

  /** How many bytes of the answer may wait to be sent. */
  get queueBytesMax(): number {
    return Math.min(LIMITS.sendQueueBytesMax, Math.max(0, this.connection.fairBytes));
  }

  /**
   * Charges a read of at most `wantedBytes` for the answer.
   * @returns the bytes that may be read; 0: none before some were sent, or somebody gave memory back.
   */
  reserve(wantedBytes: number, { queuedBytes, openBytes }: AnswerState): number {
    const waitingBytes = queuedBytes + this.#readingBytes;
    const ahead = Math.min(LIMITS.sendAheadBytesMax, this.connection.fairBytes) - waitingBytes;
    if (wantedBytes <= ahead) return this.#beginRead(wantedBytes);
    const taken = Math.min(openBytes - waitingBytes, LIMITS.callPieceBytesMax, this.connection.freeBytes);
    const granted = Math.min(wantedBytes, pieceBytes(Math.max(ahead, taken)));
    return granted >= Math.min(wantedBytes, LIMITS.callPieceBytesMin) ? this.#beginRead(granted) : 0;
  }

  /** A reserved read is over: what it gave is queued now, or was dropped. */
  release(bytes: number): void {
    this.#beginRead(-bytes);
  }

  #beginRead(bytes: number): number {
    if (!this.#isClosed) {
      this.#readingBytes += bytes;
      this.#otherBytes += bytes;
      this.connection.add(bytes);
    }
    return bytes;
  }

  /** Gives everything back; later additions do not count. */
  close(): void {
    this.arrived(-this.#arrivedBytes);
    this.collected(-this.#collectedBytes);
    this.#beginRead(-this.#otherBytes);
    this.#isClosed = true;
  }
}

/** A power of two: memory of few sizes is used again, that of many leaves gaps. */
function pieceBytes(bytes: number): number {
  return bytes < 1 ? 0 : 2 ** Math.floor(Math.log2(bytes));
}
