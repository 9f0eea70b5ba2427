/**
 * Lets messages of puts in, as long as there can be room for all of them to the end.
 *
 * Whoever says how many bytes will come waits until they fit beside what others have said and staged, and what has to stay.
 * Without this, sixteen large puts at once would each get a part of the room and none could go on. Nothing is evicted for
 * what was only said: that happens when the bytes come.
 */
import type { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

/** What of the budget it depends on. */
export interface RoomOutlook {
  /** What puts could still take if all were evicted that may be, bytes. */
  readonly openBytes: number;
  /** @throws {CacheError} STORAGE_FULL when a file of this size could not be had, whoever were evicted for it. */
  refuseUnlessPossible(bytes: number): void;
  /** True when something was let go of in time. */
  changed(waitMs: number): Promise<boolean>;
  refuse(need: { readonly bytes: number }): CacheError;
}

export class PutAdmission {
  readonly #budget: RoomOutlook;
  /** Said and not staged yet. */
  #announcedBytes = 0;

  constructor(budget: RoomOutlook) {
    this.#budget = budget;
  }

  /**
   * @param ownBytes what this put has staged.
   * @returns a promise when it has to wait.
   * @throws {CacheError} STORAGE_FULL when the bytes can never fit, or do not in time.
   */
  admit(bytes: number, ownBytes: number): Promise<void> | undefined {
    this.#budget.refuseUnlessPossible(ownBytes + bytes);
    if (!this.#fits(bytes)) return this.#wait(bytes, ownBytes);
    this.#announcedBytes += bytes;
    return undefined;
  }

  /** Bytes that were said were staged, or will not come. */
  settle(bytes: number): void {
    this.#announcedBytes -= bytes;
  }

  #fits(bytes: number): boolean {
    return this.#announcedBytes + bytes <= this.#budget.openBytes;
  }

  async #wait(bytes: number, ownBytes: number): Promise<void> {
    const deadlineMs = performance.now() + LIMITS.roomWaitMs;
    while (!this.#fits(bytes)) {
      if (!(await this.#budget.changed(deadlineMs - performance.now()))) throw this.#budget.refuse({ bytes });
      this.#budget.refuseUnlessPossible(ownBytes + bytes);
    }
    this.#announcedBytes += bytes;
  }
}
