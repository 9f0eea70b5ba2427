/**
 * Bounds what requests of the HTTP API hold, on all HTTP listeners together, so that they cannot
 * starve the calls over Flight: how many run at once, and the message headers that they collect.
 *
 * Further requests wait in order for a short time and are then OVERLOADED. A request without
 * progress ends after `limits.idle_call`, and much earlier if another one waits for its turn.
 * Cost: a set entry for each request, and one timer while there are any.
 */
import type { Taker } from "../../cache/object-reading.ts";
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";

export interface TransferBounds {
  /** A request without progress for this long is ended; the setting `limits.idle_call`. */
  readonly idleCallMs?: number | undefined;
  /** Lower in tests. */
  readonly transfersMax?: number;
  readonly waitMs?: number;
  readonly stalledMs?: number;
}

export class HttpTransfers {
  readonly idleCallMs: number;
  readonly #transfersMax: number;
  readonly #waitMs: number;
  readonly #stalledMs: number;
  readonly #running = new Set<Transfer>();
  readonly #waiting = new Set<() => void>();
  /** Places that are in use, or were just given to a request. */
  #taken = 0;
  #heldBytes = 0;
  #sweep: NodeJS.Timeout | undefined;

  constructor(bounds: TransferBounds = {}) {
    this.idleCallMs = bounds.idleCallMs ?? LIMITS.idleCallMs;
    this.#transfersMax = bounds.transfersMax ?? LIMITS.httpTransfersMax;
    this.#waitMs = bounds.waitMs ?? LIMITS.httpWaitMs;
    this.#stalledMs = bounds.stalledMs ?? LIMITS.httpStalledMs;
  }

  /** Requests that run. */
  get running(): number {
    return this.#running.size;
  }

  /** Requests that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Begins a request; the caller closes the transfer.
   * @param signal of the request.
   * @throws {CacheError} OVERLOADED if too many requests run for too long.
   */
  async begin(signal: AbortSignal): Promise<Transfer> {
    if (this.#taken >= this.#transfersMax || this.#waiting.size > 0) await this.#turn(signal);
    else this.#taken += 1;
    if (signal.aborted) this.#passOn();
    signal.throwIfAborted();
    const transfer = new Transfer(this, signal);
    this.#running.add(transfer);
    this.#sweep ??= setInterval(() => this.#look(), LIMITS.sweepIntervalMs).unref();
    return transfer;
  }

  /** @throws {CacheError} OVERLOADED; nothing is charged then. */
  hold(bytes: number): void {
    if (this.#heldBytes + bytes > LIMITS.httpHeldBytesMax) {
      throw new CacheError("OVERLOADED", "the message headers of all uploads over HTTP need too much memory");
    }
    this.#heldBytes += bytes;
  }

  /** Called by a transfer that is over. */
  ended(transfer: Transfer, heldBytes: number): void {
    this.#running.delete(transfer);
    this.#heldBytes -= heldBytes;
    this.#passOn();
    if (this.#running.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  /** Gives a free place to the first that waits. */
  #passOn(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#taken -= 1;
    else {
      this.#waiting.delete(next);
      next();
    }
  }

  /** Resolves with a place that another request has left. */
  async #turn(signal: AbortSignal): Promise<void> {
    let end = (): void => {};
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(tooMany(this.#transfersMax)), this.#waitMs);
        const onAbort = (): void => reject(signal.reason);
        end = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", onAbort);
          this.#waiting.delete(resolve);
        };
        signal.addEventListener("abort", onAbort);
        this.#waiting.add(resolve);
        if (signal.aborted) onAbort();
      });
    } finally {
      end();
    }
  }

  #look(): void {
    const nowMs = performance.now();
    const isAwaited = this.#waiting.size > 0;
    for (const transfer of this.#running) {
      const idleMs = transfer.idleMs(nowMs);
      if (idleMs >= this.idleCallMs) transfer.abandon(idle(this.idleCallMs));
      else if (isAwaited && idleMs >= this.#stalledMs) transfer.abandon(stalled(this.#stalledMs));
    }
  }
}

/** One running request. */
export class Transfer implements Taker {
  /** Aborted when the request is over, with the reason. */
  readonly signal: AbortSignal;
  readonly #all: HttpTransfers;
  readonly #ended = new AbortController();
  /** Of the request. Forwarded by hand: Node keeps signals of `AbortSignal.any` for long. */
  readonly #request: AbortSignal;
  #movedBytes = 0;
  #seenBytes = 0;
  #sinceMs = performance.now();
  #heldBytes = 0;
  #isClosed = false;

  constructor(all: HttpTransfers, signal: AbortSignal) {
    this.#all = all;
    this.#request = signal;
    this.signal = this.#ended.signal;
    signal.addEventListener("abort", this.#onAbort);
  }

  readonly #onAbort = (): void => this.#ended.abort(this.#request.reason);

  /** Bytes of bodies in both directions. */
  get movedBytes(): number {
    return this.#movedBytes;
  }

  /** Of a get, everything that moves is sent. */
  get traffic(): { readonly sentBytes: number } {
    return { sentBytes: this.#movedBytes };
  }

  /** The peer sent or accepted this many bytes of a body. */
  moved(bytes: number): void {
    this.#movedBytes += bytes;
  }

  /** How long no byte has moved, as seen by a caller that asks regularly. */
  idleMs(nowMs: number): number {
    if (this.#movedBytes !== this.#seenBytes) {
      this.#seenBytes = this.#movedBytes;
      this.#sinceMs = nowMs;
    }
    return nowMs - this.#sinceMs;
  }

  abandon(reason: CacheError): void {
    this.#ended.abort(reason);
  }

  /** Charges memory until the transfer is over. @throws {CacheError} OVERLOADED */
  hold(bytes: number): void {
    this.#all.hold(bytes);
    this.#heldBytes += bytes;
  }

  /** Releases what `hold` charged. */
  release(bytes: number): void {
    this.#all.hold(-bytes);
    this.#heldBytes -= bytes;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#request.removeEventListener("abort", this.#onAbort);
    this.#all.ended(this, this.#heldBytes);
  }
}

function tooMany(transfersMax: number): CacheError {
  return new CacheError("OVERLOADED", `${transfersMax} requests of the HTTP API run already`);
}

function idle(idleMs: number): CacheError {
  return new CacheError("DEADLINE_EXCEEDED", `neither side moved a byte of the body for ${idleMs} ms`);
}

function stalled(stalledMs: number): CacheError {
  const text = `other requests wait, and this one moved no byte of its body for ${stalledMs} ms`;
  return new CacheError("OVERLOADED", text);
}
