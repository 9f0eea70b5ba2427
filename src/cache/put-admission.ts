/**
 * Lets bytes of puts in, as long as there can be room for all of them to the end.
 *
 * An announcement reserves nothing. When the first bytes of a message have come its put claims room for all of the message,
 * and waits until that fits beside the claims of others, what they have staged, and what has to stay. Without this, sixteen
 * large puts at once would each get a part of the room and none could go on. While others wait, a put whose bytes come so
 * slowly that the message is not complete within LIMITS.roomWaitMs loses its claim, and has to claim again with its next
 * bytes. Nothing is evicted for a claim: that happens when the bytes are taken. Cost: two additions for each append.
 */
import { LIMITS } from "../limits.ts";

/** What of the budget it depends on. */
export interface RoomOutlook {
  /** What puts could still take if all were evicted that may be, bytes. */
  readonly openBytes: number;
  /** @throws {CacheError} STORAGE_FULL when a file of this size could not be had, whoever were evicted for it. */
  refuseUnlessPossible(bytes: number): void;
  /** Resolves when it is worth to look again. @throws {CacheError} STORAGE_FULL after the deadline */
  wait(shortage: Shortage, deadlineMs: number): Promise<void>;
}

export interface Shortage {
  /** What somebody wants to take. */
  readonly bytes: number;
  /** How many of them do not fit. */
  readonly missingBytes: number;
}

/** A put, as far as admission knows it. */
export interface Claimant {
  /** Bytes that have come so far. */
  readonly sizeBytes: number;
  /** Bytes of them that were taken from the budget. */
  readonly takenBytes: number;
  /** Bytes that are known to come, or have come, and were not taken from the budget. */
  readonly neededBytes: number;
  /** True while its bytes wait for the cache and not the cache for its bytes. */
  readonly isHeldUp: boolean;
}

interface Claim {
  bytes: number;
  /** Since when the pace is measured; undefined: nobody has looked at it yet. */
  mark: { readonly sinceMs: number; readonly sizeBytes: number } | undefined;
}

export class PutAdmission {
  readonly #outlook: RoomOutlook;
  readonly #claims = new Map<Claimant, Claim>();
  #claimedBytes = 0;

  constructor(outlook: RoomOutlook) {
    this.#outlook = outlook;
  }

  /** Claims what the put needs. False when that does not fit now. */
  admitAtOnce(put: Claimant): boolean {
    const moreBytes = this.#missingBytes(put);
    if (moreBytes <= 0) return true;
    if (this.#claimedBytes + moreBytes > this.#outlook.openBytes) return false;
    const claim = this.#claims.get(put);
    if (claim === undefined) this.#claims.set(put, { bytes: moreBytes, mark: undefined });
    else claim.bytes += moreBytes;
    this.#claimedBytes += moreBytes;
    return true;
  }

  /** As `admitAtOnce`, and waits. @throws {CacheError} STORAGE_FULL when it can never fit, or does not in time. */
  async admit(put: Claimant): Promise<void> {
    const deadlineMs = performance.now() + LIMITS.roomWaitMs;
    while (!this.admitAtOnce(put)) {
      this.#outlook.refuseUnlessPossible(put.takenBytes + put.neededBytes);
      const bytes = this.#missingBytes(put);
      const missingBytes = this.#claimedBytes + bytes - this.#outlook.openBytes;
      await this.#outlook.wait({ bytes, missingBytes }, deadlineMs);
    }
  }

  /** The put needs less than before: bytes were taken, or will not come. */
  settle(put: Claimant): void {
    const claim = this.#claims.get(put);
    const spareBytes = (claim?.bytes ?? 0) - put.neededBytes;
    if (claim === undefined || spareBytes <= 0) return;
    this.#shrink(put, claim, spareBytes);
  }

  /**
   * Called while somebody waits: takes away the claims of those whose bytes do not come.
   * @returns true when there is more room than before.
   */
  reclaim(nowMs: number): boolean {
    let isMore = false;
    for (const [put, claim] of this.#claims) {
      if (!isBehind(put, claim, nowMs)) continue;
      this.#shrink(put, claim, claim.bytes);
      isMore = true;
    }
    return isMore;
  }

  #missingBytes(put: Claimant): number {
    return put.neededBytes - (this.#claims.get(put)?.bytes ?? 0);
  }

  #shrink(put: Claimant, claim: Claim, bytes: number): void {
    claim.bytes -= bytes;
    this.#claimedBytes -= bytes;
    if (claim.bytes === 0) this.#claims.delete(put);
  }
}

/** True when less came since the mark than would complete the message in time. Moves the mark on. */
function isBehind(put: Claimant, claim: Claim, nowMs: number): boolean {
  const { sizeBytes, neededBytes } = put;
  const { mark } = claim;
  const elapsedMs = mark === undefined ? 0 : nowMs - mark.sinceMs;
  if (mark !== undefined && !put.isHeldUp && elapsedMs < LIMITS.putPaceMs) return false;
  claim.mark = { sinceMs: nowMs, sizeBytes };
  // A mark that is much older stands from an earlier wait.
  if (mark === undefined || put.isHeldUp || elapsedMs > 4 * LIMITS.putPaceMs) return false;
  return (sizeBytes - mark.sizeBytes) * (LIMITS.roomWaitMs / elapsedMs) < neededBytes;
}
