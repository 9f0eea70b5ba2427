/**
 * Bytes of an answer on their way out: not framed yet, then framed, then with the operating system.
 *
 * Views in, views out. Who wants to know when a view may be used again is told when the operating system has all of it.
 */

/** So many places in the queue that were taken may lie about: fewer would be moved too often. */
const TAKEN_KEPT_MAX = 256;

interface Queued {
  readonly view: Uint8Array;
  readonly onSent: (() => void) | undefined;
}

/** A view's end, counted from the first byte of the stream, and who is told. */
interface Awaited {
  readonly end: number;
  readonly onSent: () => void;
}

const TAKEN: Queued = { view: new Uint8Array(0), onSent: undefined };

export class SendQueue {
  #queued: Queued[] = [];
  /** Those before were framed, and are no longer there. */
  #next = 0;
  /** Bytes of the first view that were framed. */
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

  /** Moves exactly `sizeBytes`, which must be there, into a frame. */
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

  /** Views that were framed are held by their frames only. */
  #forgetTaken(): void {
    if (this.#next < TAKEN_KEPT_MAX && this.#next < this.#queued.length) return;
    this.#queued = this.#next === this.#queued.length ? [] : this.#queued.slice(this.#next);
    this.#next = 0;
  }

  /** The operating system has the next `sizeBytes` of what was framed. */
  sent(sizeBytes: number): void {
    this.#sentBytes += sizeBytes;
    let told = 0;
    while (told < this.#awaited.length && this.#awaited[told]!.end <= this.#sentBytes) told += 1;
    for (const { onSent } of this.#awaited.splice(0, told)) onSent();
  }

  /**
   * Forgets what was not framed. Its memory may be used again, which `onSent` says; of what was framed, in part or whole, nobody
   * is told any more.
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
