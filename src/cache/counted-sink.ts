/**
 * A staged file whose bytes are charged to the budget before the storage gets them.
 *
 * If there is space this costs a few additions. Otherwise the bytes wait, in order, until enough
 * was evicted, and the caller waits as well. If there will be no space, the file can only be
 * discarded.
 */
import type { CacheError } from "../errors.ts";
import type { ByteSink } from "../object/byte-sink.ts";
import type { StagedFile } from "../storage/object-storage.ts";
import type { PutCause } from "./evictions.ts";
import type { Claimant } from "./put-admission.ts";
import type { StagingHolder } from "./space-holders.ts";
import type { StorageBudget } from "./storage-budget.ts";

export class CountedSink implements ByteSink, Claimant, StagingHolder {
  readonly skipsChecksum: boolean;
  readonly #staged: StagedFile;
  readonly #budget: StorageBudget;
  readonly #put: PutCause | undefined;
  #sizeBytes = 0;
  #takenBytes = 0;
  #takenObjects = 0;
  /** Announced but not appended bytes. */
  #comingBytes = 0;
  /** Appended but not charged bytes. */
  #pendingBytes = 0;
  /** The appends that wait for space, in a chain. */
  #waiting: Promise<void> | undefined;
  /** Appends that the storage has not accepted yet. */
  #storing = 0;
  #isCommitting = false;
  /**
   * Ends the put if its bytes come from a client. The creator of the sink must still release it.
   */
  abandon: ((reason: CacheError) => void) | undefined;

  /** @param put for the record of evictions. */
  constructor(staged: StagedFile, budget: StorageBudget, put?: PutCause) {
    this.#staged = staged;
    this.#put = put;
    this.#budget = budget;
    this.skipsChecksum = staged.skipsChecksum ?? false;
    budget.holders.staging.add(this);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get takenBytes(): number {
    return this.#takenBytes;
  }

  get neededBytes(): number {
    return this.#comingBytes + this.#pendingBytes;
  }

  get isHeldUp(): boolean {
    return this.#waiting !== undefined || this.#storing > 0 || this.#isCommitting;
  }

  /**
   * Announces how many bytes will be appended. Reserves nothing before the first of them arrive.
   * @throws {CacheError} STORAGE_FULL if there can never be space for them.
   */
  announce(bytes: number): void {
    this.#budget.refuseUnlessPossible(this.#sizeBytes + bytes);
    this.#comingBytes = bytes;
    this.#budget.admission.shrink(this);
  }

  append(chunks: readonly Uint8Array[]): Promise<void> | undefined {
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    this.#sizeBytes += bytes;
    this.#pendingBytes += bytes;
    this.#comingBytes = Math.max(0, this.#comingBytes - bytes);
    const { admission } = this.#budget;
    if (this.#waiting === undefined && admission.admitAtOnce(this) && this.#budget.takeAtOnce({ bytes })) {
      this.#took(bytes);
      return this.#store(chunks);
    }
    return this.#after(async () => {
      await admission.admit(this);
      await this.#budget.take({ bytes, ownBytes: this.#takenBytes, put: this.#put });
      this.#took(bytes);
      await this.#staged.append(chunks);
    });
  }

  overwrite(position: number, bytes: Uint8Array): Promise<void> | undefined {
    if (this.#waiting === undefined) return this.#staged.overwrite(position, bytes);
    return this.#after(async () => this.#staged.overwrite(position, bytes));
  }

  /** All bytes have arrived: from now on the put waits only for the cache. */
  committing(): void {
    this.#isCommitting = true;
  }

  /**
   * Charges the full cost of the published file, before it is published.
   * @param objects 1 for a new object.
   * @throws {CacheError} STORAGE_FULL
   */
  async takeRest(objects: number): Promise<void> {
    await this.#waiting;
    const bytes = this.#budget.fileCost(this.#sizeBytes) - this.#takenBytes;
    await this.#budget.take({ bytes, objects, ownBytes: this.#takenBytes, put: this.#put });
    this.#takenBytes += bytes;
    this.#takenObjects += objects;
  }

  /** Releases the charge: the file is now charged as an object, or it is discarded. */
  async release(): Promise<void> {
    // Pending appends would charge bytes after the release.
    await this.#waiting?.catch(() => {});
    this.#giveBack();
  }

  /** Like `release`, but synchronous: nothing is pending after `takeRest`. */
  handOver(): void {
    this.#giveBack();
  }

  #took(bytes: number): void {
    this.#takenBytes += bytes;
    this.#pendingBytes -= bytes;
    this.#budget.admission.shrink(this);
  }

  #store(chunks: readonly Uint8Array[]): Promise<void> | undefined {
    const storing = this.#staged.append(chunks);
    if (storing === undefined) return undefined;
    this.#storing += 1;
    const stored = (): void => {
      this.#storing -= 1;
    };
    storing.then(stored, stored);
    return storing;
  }

  #giveBack(): void {
    this.#comingBytes = 0;
    this.#pendingBytes = 0;
    this.#budget.admission.shrink(this);
    this.#budget.holders.staging.delete(this);
    this.#budget.release({ bytes: this.#takenBytes, objects: this.#takenObjects });
    this.#takenBytes = 0;
    this.#takenObjects = 0;
  }

  /** If one append fails, all later ones fail with the same error. */
  #after(work: () => Promise<void>): Promise<void> {
    const done = (this.#waiting ?? Promise.resolve()).then(work);
    this.#waiting = done;
    done.then(
      () => {
        if (this.#waiting === done) this.#waiting = undefined;
      },
      () => {},
    );
    return done;
  }
}
