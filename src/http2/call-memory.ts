/**
 * Accounts for the memory that calls make the server hold: waiting requests, queued answers, header
 * blocks, and a fixed charge for each connection and call.
 *
 * There are three bounds: the total, a share of it per peer address, and a share per connection. A
 * call that wants to read more of its answer gets a part of what is still free (a dynamic
 * threshold: Choudhury and Hahne, "Dynamic queue length thresholds", 1998). Calls whose peers do
 * not read therefore reduce the part of all others, but never to zero: an eighth is reserved for
 * answers that the peer reads at once. Received bytes are charged even if the account is full; then
 * the server stops reading connections that hold much.
 * Cost: a few additions for each chunk and each frame.
 */
import { LIMITS } from "../limits.ts";

/** Part of each bound that is reserved for answers that the peer reads at once. */
const RESERVE_PART = 1 / 8;
/** Parts of the total that one peer address, and one connection, may hold. */
const PEER_PART = 3 / 4;
const CONNECTION_PART = 1 / 2;
/** Part of the total that requests may hold. More requests would only wait longer for the disk. */
const ARRIVED_PART = 1 / 2;
/**
 * Bytes that one connection may always send while there is memory: an answer of 1 MiB never waits.
 */
const ARRIVED_BYTES_MIN = 2 * 2 ** 20;
/** Waiting calls that are woken in one turn of the event loop. */
const WOKEN_PER_TURN = 32;

/** The connections of one address. */
interface PeerAccount {
  connections: number;
  usedBytes: number;
}

/** A call that waits for memory. `sinceMs` is on the clock of `performance.now`. */
export interface MemoryWaiter {
  readonly connection: ConnectionMemory;
  readonly sinceMs: number;
  /** False while the call's own peer accepts nothing: then the call does not lack memory. */
  isReady(): boolean;
  wake(): void;
}

export class CallMemory {
  readonly bytesMax: number;
  #usedBytes = 0;
  #arrivedBytes = 0;
  #connections = 0;
  readonly #peers = new Map<string, PeerAccount>();
  readonly #waiting = new Set<MemoryWaiter>();
  /** Callbacks of connections that are not read until memory is released. */
  readonly #heldUp = new Set<() => void>();
  #isWaking = false;
  /** Called when a call or a connection starts to wait. */
  onWaiting: (() => void) | undefined;
  /** Called when a call was refused for lack of memory. */
  onRefused: (() => void) | undefined;

  /** @param bytesMax the setting `limits.calls_memory`. */
  constructor(bytesMax: number = LIMITS.callsMemoryBytes) {
    this.bytesMax = bytesMax;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Negative if more has arrived than the account allows. */
  get freeBytes(): number {
    return this.bytesMax - this.#usedBytes;
  }

  /** Bytes that requests hold beyond their share; 0 if they are within it. */
  get overdrawnBytes(): number {
    return Math.max(0, -this.freeBytes, this.#arrivedBytes - this.bytesMax * ARRIVED_PART);
  }

  get connections(): number {
    return this.#connections;
  }

  /** True while calls or connections wait for memory. */
  get hasWaiting(): boolean {
    return this.#waiting.size + this.#heldUp.size > 0;
  }

  /** Opens the account of a connection. The caller closes it. */
  open(address: string): ConnectionMemory {
    let peer = this.#peers.get(address);
    if (peer === undefined) {
      peer = { connections: 0, usedBytes: 0 };
      this.#peers.set(address, peer);
    }
    peer.connections += 1;
    this.#connections += 1;
    return new ConnectionMemory(this, peer, () => {
      peer.connections -= 1;
      this.#connections -= 1;
      if (peer.connections === 0) this.#peers.delete(address);
    });
  }

  /**
   * Wakes the waiter once when memory is released, in FIFO order. @returns a function that cancels
   * the wait.
   */
  wait(waiter: MemoryWaiter): () => void {
    this.#waiting.add(waiter);
    this.onWaiting?.();
    return () => this.#waiting.delete(waiter);
  }

  /**
   * Checks whether a call has waited too long for memory.
   * @returns undefined if none has; otherwise a test for connections that help by releasing memory.
   */
  shortage(nowMs: number): ((connection: ConnectionMemory) => boolean) | undefined {
    let first: MemoryWaiter | undefined;
    for (const waiter of this.#waiting) {
      if (waiter.isReady() && (first === undefined || waiter.sinceMs < first.sinceMs)) first = waiter;
    }
    if (first !== undefined && nowMs - first.sinceMs > LIMITS.starvedMs) {
      const { connection } = first;
      return (other) => connection.isHelpedBy(other);
    }
    return this.#heldUp.size > 0 && this.overdrawnBytes > 0 ? () => true : undefined;
  }

  /** Calls `resume` once when memory is released. */
  holdUp(resume: () => void): void {
    this.#heldUp.add(resume);
    this.onWaiting?.();
  }

  /** Like `add`, for bytes from peers. */
  arrived(bytes: number): void {
    this.#arrivedBytes += bytes;
    this.add(bytes);
  }

  add(bytes: number): void {
    this.#usedBytes += bytes;
    if (bytes < 0 && this.#waiting.size + this.#heldUp.size > 0) this.#wakeSoon();
  }

  #wakeSoon(): void {
    if (this.#isWaking) return;
    this.#isWaking = true;
    setImmediate(() => {
      this.#isWaking = false;
      const heldUp = [...this.#heldUp];
      this.#heldUp.clear();
      for (const resume of heldUp) resume();
      let woken = 0;
      for (const waiter of [...this.#waiting].slice(0, WOKEN_PER_TURN)) {
        if (this.freeBytes < LIMITS.callPieceBytesMin) break;
        this.#waiting.delete(waiter);
        waiter.wake();
        woken += 1;
      }
      if (woken === WOKEN_PER_TURN) this.#wakeSoon();
    });
  }
}

/** The account of one connection. */
export class ConnectionMemory {
  readonly all: CallMemory;
  readonly #peer: PeerAccount;
  readonly #onClose: () => void;
  #usedBytes = 0;
  #arrivedBytes = 0;
  #isClosed = false;

  constructor(all: CallMemory, peer: PeerAccount, onClose: () => void) {
    this.all = all;
    this.#peer = peer;
    this.#onClose = onClose;
    this.add(LIMITS.connectionMemoryBytes);
  }

  /** Charges bytes that are already in memory; never refuses. A negative number releases them. */
  add(bytes: number): void {
    if (this.#isClosed) return;
    this.#usedBytes += bytes;
    this.#peer.usedBytes += bytes;
    this.all.add(bytes);
  }

  /** Like `add`, for bytes from the peer, whether they wait or are kept. */
  arrived(bytes: number): void {
    if (this.#isClosed) return;
    this.#arrivedBytes += bytes;
    this.#usedBytes += bytes;
    this.#peer.usedBytes += bytes;
    this.all.arrived(bytes);
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Bytes that fit within the shares of the connection, its address, and the total. */
  get freeBytes(): number {
    return this.#free(0);
  }

  /** The same without the reserves. */
  get freeOfReserveBytes(): number {
    return this.#free(RESERVE_PART);
  }

  /**
   * Whether one more call may begin: "yes"; "little" if it uses the reserve and should be refused
   * unless memory is released; "no" if even a refusal costs too much. A connection that holds
   * little always gets in.
   */
  get admission(): "yes" | "little" | "no" {
    if (this.freeOfReserveBytes >= LIMITS.callMemoryBytes) return "yes";
    const partBytes = this.all.bytesMax / (2 * this.all.connections);
    if (this.#usedBytes <= LIMITS.connectionMemoryBytes + Math.max(partBytes, 2 * LIMITS.callMemoryBytes))
      return "yes";
    return this.freeBytes >= LIMITS.callMemoryBytes ? "little" : "no";
  }

  /** Bytes that one queue may hold: half of what is free without the reserves. */
  get fairBytes(): number {
    return this.#free(RESERVE_PART) / 2;
  }

  /**
   * True if requests exceed their share and this connection holds more than an equal part of them.
   */
  get isOverdrawn(): boolean {
    const { overdrawnBytes, freeBytes, bytesMax, connections } = this.all;
    if (overdrawnBytes === 0) return false;
    const partBytes = bytesMax / (2 * connections);
    return this.#arrivedBytes > (freeBytes < 0 ? partBytes : Math.max(partBytes, ARRIVED_BYTES_MIN));
  }

  /** True if this connection gets memory when `other` releases some. */
  isHelpedBy(other: ConnectionMemory): boolean {
    const { bytesMax } = this.all;
    if (bytesMax * CONNECTION_PART - this.#usedBytes < LIMITS.callPieceBytesMin) return other === this;
    if (bytesMax * PEER_PART - this.#peer.usedBytes < LIMITS.callPieceBytesMin) {
      return other.#peer === this.#peer;
    }
    return true;
  }

  #free(reservePart: number): number {
    const { bytesMax, usedBytes } = this.all;
    const usable = bytesMax * (1 - reservePart);
    return Math.min(
      usable * CONNECTION_PART - this.#usedBytes,
      usable * PEER_PART - this.#peer.usedBytes,
      usable - usedBytes,
    );
  }

  /** Releases everything. Later additions are ignored. */
  close(): void {
    if (this.#isClosed) return;
    this.arrived(-this.#arrivedBytes);
    this.add(-this.#usedBytes);
    this.#isClosed = true;
    this.#onClose();
  }
}
