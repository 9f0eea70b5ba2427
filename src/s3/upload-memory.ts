/**
 * The memory in which all uploads to one store gather their parts: blocks of one size, bounded.
 *
 * If no block is left, an upload waits in FIFO order. While uploads wait, the upload that has been
 * idle longest is ended, so that stalled callers do not stop the others. The wait is bounded:
 * otherwise uploads with incomplete parts could wait for each other.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

interface Waiting {
  readonly share: UploadShare;
  readonly resolve: (block: Buffer) => void;
  readonly reject: (error: CacheError) => void;
  readonly timer: NodeJS.Timeout;
}

export class UploadMemory {
  readonly #bytesMax: number;
  readonly #shares = new Set<UploadShare>();
  readonly #kept: Buffer[] = [];
  #waiting: Waiting[] = [];
  #usedBytes = 0;
  #stallTimer: NodeJS.Timeout | undefined;

  constructor(bytesMax: number = LIMITS.s3UploadBytesMax) {
    this.#bytesMax = bytesMax;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** @param end called at most once, if the upload is stalled while others wait */
  open(end: (error: CacheError) => void): UploadShare {
    const share = new UploadShare(this, end);
    this.#shares.add(share);
    return share;
  }

  /** Undefined if the upload has to wait. */
  tryTake(): Buffer | undefined {
    return this.#waiting.length > 0 ? undefined : this.#takeBlock();
  }

  /** @throws {CacheError} OVERLOADED after a bounded time */
  take(share: UploadShare): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((each) => each !== waiting);
        reject(overloaded("uploads to the object store hold all of their memory"));
      }, LIMITS.s3UploadWaitMs);
      const waiting: Waiting = { share, resolve, reject, timer };
      this.#waiting.push(waiting);
      this.#stallTimer ??= setTimeout(this.#endStalled, LIMITS.s3StalledMs);
    });
  }

  giveBack(blocks: readonly Buffer[]): void {
    this.#usedBytes -= blocks.length * LIMITS.s3BlockBytes;
    this.#kept.push(...blocks.slice(0, LIMITS.s3BlocksKeptMax - this.#kept.length));
    this.#serve();
  }

  /** Also ends a wait of the upload. */
  close(share: UploadShare): void {
    this.#shares.delete(share);
    const isMine = (each: Waiting): boolean => each.share === share;
    for (const { timer, reject } of this.#waiting.filter(isMine)) {
      clearTimeout(timer);
      reject(overloaded("the upload was ended"));
    }
    this.#waiting = this.#waiting.filter((each) => !isMine(each));
    this.#serve();
  }

  #takeBlock(): Buffer | undefined {
    if (this.#usedBytes + LIMITS.s3BlockBytes > this.#bytesMax) return undefined;
    this.#usedBytes += LIMITS.s3BlockBytes;
    return this.#kept.pop() ?? Buffer.allocUnsafeSlow(LIMITS.s3BlockBytes);
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const block = this.#takeBlock();
      if (block === undefined) return;
      const { timer, resolve } = this.#waiting.shift()!;
      clearTimeout(timer);
      resolve(block);
    }
  }

  readonly #endStalled = (): void => {
    this.#stallTimer = undefined;
    if (this.#waiting.length === 0) return;
    const waits = new Set(this.#waiting.map(({ share }) => share));
    const isStalled = (share: UploadShare): boolean =>
      !waits.has(share) && share.isHolding && share.idleMs >= LIMITS.s3StalledMs;
    const oldest = [...this.#shares].filter(isStalled).toSorted((a, b) => b.idleMs - a.idleMs)[0];
    oldest?.end(overloaded("the upload was idle while others waited for memory"));
    // The next one soon, if that was not enough.
    this.#stallTimer = setTimeout(this.#endStalled, LIMITS.s3StalledMs / 10);
  };
}

/** What one upload holds. */
export class UploadShare {
  readonly #memory: UploadMemory;
  readonly #end: (error: CacheError) => void;
  #atMs = performance.now();
  #isSending = false;
  #blocks = 0;

  constructor(memory: UploadMemory, end: (error: CacheError) => void) {
    this.#memory = memory;
    this.#end = end;
  }

  get isHolding(): boolean {
    return this.#blocks > 0;
  }

  /** How long the caller has appended nothing; 0 while a part is being sent. */
  get idleMs(): number {
    return this.#isSending ? 0 : performance.now() - this.#atMs;
  }

  /** Records progress of the upload, and whether it waits for the store. */
  touch(isSending: boolean): void {
    this.#atMs = performance.now();
    this.#isSending = isSending;
  }

  end(error: CacheError): void {
    this.#end(error);
  }

  tryTake(): Buffer | undefined {
    const block = this.#memory.tryTake();
    if (block !== undefined) this.#blocks += 1;
    return block;
  }

  async take(): Promise<Buffer> {
    const block = await this.#memory.take(this);
    this.#blocks += 1;
    return block;
  }

  giveBack(blocks: readonly Buffer[]): void {
    this.#blocks -= blocks.length;
    this.#memory.giveBack(blocks);
  }

  close(): void {
    this.#memory.close(this);
  }
}

function overloaded(text: string): CacheError {
  return new CacheError("OVERLOADED", text);
}
