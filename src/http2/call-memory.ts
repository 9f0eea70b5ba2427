/**
 * One account for the memory that calls make the server hold: requests that wait, answers that are queued, header blocks, and
 * a fixed charge for each connection and call.
 *
 * Three bounds: the whole, a share of it for one peer address, and a share for one connection. A call that wants to read more of
 * its answer gets a part of what is still free (a dynamic threshold: Choudhury and Hahne, "Dynamic queue length thresholds",
 * 1998). So calls that nobody reads shrink the parts of all, but never take the last of it: an eighth is kept for answers that
 * the peer takes at once.
 * What has arrived is charged even when the account is full: then connections that hold much of it are not read.
 * Cost: a few additions for each chunk and each frame.
 */
import { LIMITS } from "../limits.ts";

/** The part of each bound that is kept for answers which the peer takes at once. */
const RESERVE_PART = 1 / 8;
/** The part of the whole that one peer address may hold, and one connection. */
const PEER_PART = 3 / 4;
const CONNECTION_PART = 1 / 2;
/** The part of the whole that requests may hold, waiting or kept: more of them would only wait longer for the disk. */
const ARRIVED_PART = 1 / 2;
/** What one connection may always have sent while there is memory: an object of 1 MiB does not wait for those of others. */
const ARRIVED_BYTES_MIN = 2 * 2 ** 20;
/** Waiting calls that are woken in one turn of the event loop. */
const WOKEN_PER_TURN = 32;

/** The connections of one address. */
interface PeerAccount {
  connections: number;
  usedBytes: number;
}

/** A call that waits for memory, and since when, on the clock of `performance.now`. */
export interface MemoryWaiter {
  readonly connection: ConnectionMemory;
  readonly sinceMs: number;
  /** False while its own peer would take nothing: then memory is not what it lacks. */
  readonly isReady: boolean;
  wake(): void;
}

export class CallMemory {
  readonly bytesMax: number;
  #usedBytes = 0;
  #arrivedBytes = 0;
  #connections = 0;
  readonly #peers = new Map<string, PeerAccount>();
  readonly #waiting = new Set<MemoryWaiter>();
  /** Connections that are not read until memory is given back. */
  readonly #heldUp = new Set<() => void>();
  #isWaking = false;
  /** Called when a call or a connection begins to wait. */
  onWaiting: (() => void) | undefined;
  /** Called when a call was refused because there is no memory for it. */
  onRefused: (() => void) | undefined;

  /** @param bytesMax the setting `limits.calls_memory`. */
  constructor(bytesMax: number = LIMITS.callsMemoryBytes) {
    this.bytesMax = bytesMax;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Below zero when more has arrived than the account allows. */
  get freeBytes(): number {
    return this.bytesMax - this.#usedBytes;
  }

  /** How much more has arrived than requests may hold, bytes; 0 while there is room. */
  get overdrawnBytes(): number {
    return Math.max(0, -this.freeBytes, this.#arrivedBytes - this.bytesMax * ARRIVED_PART);
  }

  /** Connections that have an account now. */
  get connections(): number {
    return this.#connections;
  }

  /** True while calls or connections wait for memory. */
  get hasWaiting(): boolean {
    return this.#waiting.size + this.#heldUp.size > 0;
  }

  /** Opens the account of a connection; its owner closes it. */
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

  /** Wakes the waiter once when memory was given back, in the order of asking. @returns a way to stop waiting. */
  wait(waiter: MemoryWaiter): () => void {
    this.#waiting.add(waiter);
    this.onWaiting?.();
    return () => this.#waiting.delete(waiter);
  }

  /**
   * Whether somebody has waited too long for memory.
   * @returns undefined when nobody has; else who may help: true for connections on which it helps to give memory back.
   */
  shortage(nowMs: number): ((connection: ConnectionMemory) => boolean) | undefined {
    let first: MemoryWaiter | undefined;
    for (const waiter of this.#waiting) {
      if (waiter.isReady && (first === undefined || waiter.sinceMs < first.sinceMs)) first = waiter;
    }
    if (first !== undefined && nowMs - first.sinceMs > LIMITS.starvedMs) {
      const { connection } = first;
      return (other) => connection.isHelpedBy(other);
    }
    return this.#heldUp.size > 0 && this.overdrawnBytes > 0 ? () => true : undefined;
  }

  /** Calls once when memory was given back. */
  holdUp(goOn: () => void): void {
    this.#heldUp.add(goOn);
    this.onWaiting?.();
  }

  /** As `add`, for what peers sent. */
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
      for (const goOn of heldUp) goOn();
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

/** What one connection holds. */
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

  /** Bytes that nothing refuses: memory that is there already. Negative gives back. */
  add(bytes: number): void {
    if (this.#isClosed) return;
    this.#usedBytes += bytes;
    this.#peer.usedBytes += bytes;
    this.all.add(bytes);
  }

  /** As `add`, for what the peer sent, be it waiting or kept. */
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

  /** What may still be added within the shares of the connection, of its address, and of all. */
  get freeBytes(): number {
    return this.#free(0);
  }

  /** The same without the reserves. */
  get freeOfReserveBytes(): number {
    return this.#free(RESERVE_PART);
  }

  /**
   * Whether one more call may begin: "yes"; "little" where it takes from the reserve and should be answered with a refusal unless
   * memory is given back; "no" where even a refusal costs too much. A connection that holds little always gets in.
   */
  get admission(): "yes" | "little" | "no" {
    if (this.freeOfReserveBytes >= LIMITS.callMemoryBytes) return "yes";
    const partBytes = this.all.bytesMax / (2 * this.all.connections);
    if (this.#usedBytes <= LIMITS.connectionMemoryBytes + Math.max(partBytes, 2 * LIMITS.callMemoryBytes))
      return "yes";
    return this.freeBytes >= LIMITS.callMemoryBytes ? "little" : "no";
  }

  /** What one queue may hold: as much again as it leaves free, without the reserves. */
  get fairBytes(): number {
    return this.#free(RESERVE_PART) / 2;
  }

  /** True when more has arrived than there is room for, and of it on this connection more than an equal part. */
  get isOverdrawn(): boolean {
    const { overdrawnBytes, freeBytes, bytesMax, connections } = this.all;
    if (overdrawnBytes === 0) return false;
    const partBytes = bytesMax / (2 * connections);
    return this.#arrivedBytes > (freeBytes < 0 ? partBytes : Math.max(partBytes, ARRIVED_BYTES_MIN));
  }

  /** True when giving memory back on `other` helps this connection to some. */
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

  /** Gives everything back; later additions do not count. */
  close(): void {
    if (this.#isClosed) return;
    this.arrived(-this.#arrivedBytes);
    this.add(-this.#usedBytes);
    this.#isClosed = true;
    this.#onClose();
  }
}
