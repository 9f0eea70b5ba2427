/**
 * Charges the memory that one call holds: its request, the collected parts of it, and pending
 * reads.
 *
 * The queue of the answer is not included. The stream charges it to the connection, because it may
 * outlive the call.
 */
import { LIMITS } from "../limits.ts";
import type { CallMemory, ConnectionMemory } from "./call-memory.ts";

/** How far an answer has been sent. */
export interface AnswerState {
  /** Bytes that wait to be sent. */
  readonly queuedBytes: number;
  /** Bytes that the peer's windows accept now. */
  readonly openBytes: number;
}

export class CallAccount {
  readonly connection: ConnectionMemory;
  #otherBytes = 0;
  /** Bytes of the request that the reader has not taken yet. */
  #arrivedBytes = 0;
  /** Bytes of the request that are kept. */
  #collectedBytes = 0;
  /** Bytes of pending reads for the answer. */
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

  /**
   * Adds bytes of the request that arrived and were not taken yet. A negative number releases them.
   */
  arrived(bytes: number): void {
    if (this.#isClosed) return;
    this.#arrivedBytes += bytes;
    this.connection.arrived(bytes);
  }

  /**
   * Adds bytes of the request that are kept; `takenBytes` of them had arrived before. A negative
   * number releases them.
   */
  collected(bytes: number, takenBytes = 0): void {
    if (this.#isClosed) return;
    this.arrived(-takenBytes);
    this.#collectedBytes += bytes;
    this.connection.arrived(bytes);
  }

  /** False while no more memory may be collected. A small amount may use the reserve. */
  get mayCollect(): boolean {
    const { freeOfReserveBytes, freeBytes, all } = this.connection;
    if (freeOfReserveBytes >= 0 && all.overdrawnBytes === 0) return true;
    return this.#collectedBytes + this.#readingBytes <= LIMITS.callPieceBytesMax && freeBytes >= 0;
  }

  /** Bytes of the answer that may wait to be sent. */
  get queueBytesMax(): number {
    return Math.min(LIMITS.sendQueueBytesMax, Math.max(0, this.connection.fairBytes));
  }

  /**
   * Charges a read of at most `wantedBytes` for the answer.
   * @returns the bytes that may be read, or 0 if the call must wait until some are sent or memory
   *   is released.
   */
  reserve(wantedBytes: number, { queuedBytes, openBytes }: AnswerState): number {
    const waitingBytes = queuedBytes + this.#readingBytes;
    const ahead = Math.min(LIMITS.sendAheadBytesMax, this.connection.fairBytes) - waitingBytes;
    if (wantedBytes <= ahead) return this.#beginRead(wantedBytes);
    const taken = Math.min(openBytes - waitingBytes, LIMITS.callPieceBytesMax, this.connection.freeBytes);
    const granted = Math.min(wantedBytes, pieceBytes(Math.max(ahead, taken)));
    return granted >= Math.min(wantedBytes, LIMITS.callPieceBytesMin) ? this.#beginRead(granted) : 0;
  }

  /** Charges a read for the answer that cannot be split; `mayCollect` is false if the caller must wait. */
  reserveWhole(bytes: number): void {
    this.#beginRead(bytes);
  }

  /** Ends a reserved read. Its bytes are now queued or were dropped. */
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

  /** Releases everything. Later additions are ignored. */
  close(): void {
    this.arrived(-this.#arrivedBytes);
    this.collected(-this.#collectedBytes);
    this.#beginRead(-this.#otherBytes);
    this.#isClosed = true;
  }
}

/** Rounds to a power of two: allocations of few sizes are reused, many sizes fragment memory. */
function pieceBytes(bytes: number): number {
  return bytes < 1 ? 0 : 2 ** Math.floor(Math.log2(bytes));
}
