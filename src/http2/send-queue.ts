/**
 * The unsent bytes of an answer: first queued, then framed, then passed to the operating system.
 *
 * It keeps views and copies nothing. A callback reports when the operating system has all of a
 * view, whose memory may then be reused.
 */

/** Used slots at the front of the queue that are tolerated before it is compacted. */
const TAKEN_KEPT_MAX = 256;

interface Queued {
  readonly view: Uint8Array;
  readonly onSent: (() => void) | undefined;
}

/** The end of a view, counted from the first byte of the stream, and its callback. */
interface Awaited {
  readonly end: number;
  readonly onSent: () => void;
}

const TAKEN: Queued = { view: new Uint8Array(0), onSent: undefined };

export class SendQueue {
  #queued: Queued[] = [];
  /** Views before this index are framed and cleared. */
  #next = 0;
  /** Framed bytes of the first view. */
  #offset = 0;
  #awaited: Awaited[] = [];
  #pushedBytes = 0;
  #framedBytes = 0;
  #sentBytes = 0;

  /** Bytes that the operating system does not have yet. */
  get sizeBytes(): number {
    return this.#pushedBytes - this.#sentBytes;
  }

  get unframedBytes(): number {
    return this.#pushedBytes - this.#framedBytes;
  }

  get hasUnframed(): boolean {
    return this.#pushedBytes > this.#framedBytes;
  }

  push(view: Uint8Array, onSent: (() => void) | undefined): void {
    this.#pushedBytes += view.length;
    if (view.length > 0) this.#queued.push({ view, onSent });
    else if (onSent !== undefined) this.#awaited.push({ end: this.#pushedBytes, onSent });
  }

  /** Moves exactly `sizeBytes` into a frame. The queue must hold that many. */
  takeInto(parts: Uint8Array[], sizeBytes: number): void {
    let left = sizeBytes;
    while (left > 0) {
      const { view, onSent } = this.#queued[this.#next]!;
      const rest = view.length - this.#offset;
      const taken = Math.min(rest, left);
      parts.push(taken === view.length ? view : view.subarray(this.#offset, this.#offset + taken));
      left -= taken;
      this.#framedBytes += taken;
      if (taken < rest) {
        this.#offset += taken;
      } else {
        this.#offset = 0;
        this.#queued[this.#next] = TAKEN;
        this.#next += 1;
        if (onSent !== undefined) this.#awaited.push({ end: this.#framedBytes, onSent });
      }
    }
    this.#forgetTaken();
  }

  /** Releases framed views; only their frames hold them. */
  #forgetTaken(): void {
    if (this.#next < TAKEN_KEPT_MAX && this.#next < this.#queued.length) return;
    this.#queued = this.#next === this.#queued.length ? [] : this.#queued.slice(this.#next);
    this.#next = 0;
  }

  /** Called when the operating system has the next `sizeBytes` of the framed bytes. */
  sent(sizeBytes: number): void {
    this.#sentBytes += sizeBytes;
    let count = 0;
    while (count < this.#awaited.length && this.#awaited[count]!.end <= this.#sentBytes) count += 1;
    for (const { onSent } of this.#awaited.splice(0, count)) onSent();
  }

  /**
   * Drops the bytes that are not framed. `onSent` runs for them, because their memory may be
   * reused. It no longer runs for views that are framed in part or whole.
   */
  drop(): void {
    const untouched = this.#queued.slice(this.#offset > 0 ? this.#next + 1 : this.#next);
    this.#queued = [];
    this.#next = 0;
    this.#offset = 0;
    this.#awaited = [];
    this.#pushedBytes = this.#framedBytes;
    for (const { onSent } of untouched) onSent?.();
  }
}
