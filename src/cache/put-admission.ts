/**
 * Admits bytes of puts as long as there can be space for all of them until the end.
 *
 * An announcement reserves nothing. When the first bytes of a message arrive, the put reserves
 * space for the whole message, and waits until that fits beside other reservations, staged bytes,
 * and objects that cannot be evicted. Without this, sixteen large concurrent puts would each get a
 * part of the space and none could finish. While others wait, a put that is too slow to complete
 * its message within LIMITS.roomWaitMs loses its reservation and must reserve again with its next
 * bytes. A reservation evicts nothing: that happens when the bytes are charged.
 * Cost: two additions per append.
 */
import { LIMITS } from "../limits.ts";

/** The part of the budget that admission needs. */
export interface SpaceOutlook {
  /** Bytes that puts could still get if everything evictable were evicted. */
  readonly openBytes: number;
  /** @throws {CacheError} STORAGE_FULL if no eviction could make space for a file of this size. */
  refuseUnlessPossible(bytes: number): void;
  /**
   * Resolves when another check is worthwhile. @throws {CacheError} STORAGE_FULL after the deadline
   */
  wait(shortage: Shortage, deadlineMs: number): Promise<void>;
}

export interface Shortage {
  /** Wanted bytes. */
  readonly bytes: number;
  /** How many of them do not fit. */
  readonly missingBytes: number;
}

/** A put, as far as admission needs it. */
export interface Claimant {
  /** Bytes received so far. */
  readonly sizeBytes: number;
  /** Bytes of them that are charged to the budget. */
  readonly takenBytes: number;
  /** Known bytes, received or announced, that are not charged to the budget. */
  readonly neededBytes: number;
  /** True while its bytes wait for the cache, not the cache for its bytes. */
  readonly isHeldUp: boolean;
}

interface Claim {
  bytes: number;
  /** Start of the rate measurement; undefined before the first check. */
  mark: { readonly sinceMs: number; readonly sizeBytes: number } | undefined;
}

export class PutAdmission {
  readonly #outlook: SpaceOutlook;
  readonly #claims = new Map<Claimant, Claim>();
  #claimedBytes = 0;

  constructor(outlook: SpaceOutlook) {
    this.#outlook = outlook;
  }

  /** Reserves what the put needs. @returns false if that does not fit now. */
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

  /**
   * Like `admitAtOnce`, but waits. @throws {CacheError} STORAGE_FULL if it can never fit, or not in
   * time.
   */
  async admit(put: Claimant): Promise<void> {
    const deadlineMs = performance.now() + LIMITS.roomWaitMs;
    while (!this.admitAtOnce(put)) {
      this.#outlook.refuseUnlessPossible(put.takenBytes + put.neededBytes);
      const bytes = this.#missingBytes(put);
      const missingBytes = this.#claimedBytes + bytes - this.#outlook.openBytes;
      await this.#outlook.wait({ bytes, missingBytes }, deadlineMs);
    }
  }

  /** The put needs less than before: bytes were charged, or will not come. */
  shrink(put: Claimant): void {
    const claim = this.#claims.get(put);
    const spareBytes = (claim?.bytes ?? 0) - put.neededBytes;
    if (claim === undefined || spareBytes <= 0) return;
    this.#shrink(put, claim, spareBytes);
  }

  /**
   * Called while a put waits: revokes reservations of puts that are too slow.
   * @returns true if there is more space than before.
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

/** True if the bytes since the mark are too few to complete the message in time. Moves the mark. */
function isBehind(put: Claimant, claim: Claim, nowMs: number): boolean {
  const { sizeBytes, neededBytes } = put;
  const { mark } = claim;
  const elapsedMs = mark === undefined ? 0 : nowMs - mark.sinceMs;
  if (mark !== undefined && !put.isHeldUp && elapsedMs < LIMITS.putPaceMs) return false;
  claim.mark = { sinceMs: nowMs, sizeBytes };
  // A much older mark is from an earlier wait.
  if (mark === undefined || put.isHeldUp || elapsedMs > 4 * LIMITS.putPaceMs) return false;
  return (sizeBytes - mark.sizeBytes) * (LIMITS.roomWaitMs / elapsedMs) < neededBytes;
}
