/**
 * A staged file whose every byte is taken from the budget before the storage gets it.
 *
 * While there is room this costs a few additions; else the bytes wait, in order, until enough was evicted, and whoever brings
 * them waits as well. When there will be no room the file can only be discarded.
 */
import type { CacheError } from "../errors.ts";
import type { ByteSink } from "../object/byte-sink.ts";
import type { StagedFile } from "../storage/object-storage.ts";
import type { Claimant } from "./put-admission.ts";
import type { StagingHolder } from "./room-holders.ts";
import type { StorageBudget } from "./storage-budget.ts";

export class CountedSink implements ByteSink, Claimant, StagingHolder {
  readonly isVolatile: boolean;
  readonly #staged: StagedFile;
  readonly #budget: StorageBudget;
  #sizeBytes = 0;
  #takenBytes = 0;
  #takenObjects = 0;
  /** Announced and not appended yet. */
  #comingBytes = 0;
  /** Appended and not taken yet. */
  #pendingBytes = 0;
  /** What waits for room, and all behind it. */
  #waiting: Promise<void> | undefined;
  /** Appends that the storage has not accepted yet. */
  #storing = 0;
  #isCommitting = false;
  /** Ends the put, where its bytes come from a client; the sink itself is released by whoever made it. */
  abandon: ((reason: CacheError) => void) | undefined;

  constructor(staged: StagedFile, budget: StorageBudget) {
    this.#staged = staged;
    this.#budget = budget;
    this.isVolatile = staged.isVolatile ?? false;
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
   * Says how many bytes will be appended from now on. Nothing is reserved for them before the first of them come.
   * @throws {CacheError} STORAGE_FULL when there can never be room for them.
   */
  announce(bytes: number): void {
    this.#budget.refuseUnlessPossible(this.#sizeBytes + bytes);
    this.#comingBytes = bytes;
    this.#budget.admission.settle(this);
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
      await this.#budget.take({ bytes, ownBytes: this.#takenBytes });
      this.#took(bytes);
      await this.#staged.append(chunks);
    });
  }

  overwrite(position: number, bytes: Uint8Array): Promise<void> | undefined {
    if (this.#waiting === undefined) return this.#staged.overwrite(position, bytes);
    return this.#after(async () => this.#staged.overwrite(position, bytes));
  }

  /** All bytes have come: from now on the put waits for nobody but the cache. */
  committing(): void {
    this.#isCommitting = true;
  }

  /**
   * Takes what the file counts for once it is published, before it is.
   * @param objects 1 for a new object.
   * @throws {CacheError} STORAGE_FULL
   */
  async takeRest(objects: number): Promise<void> {
    await this.#waiting;
    const bytes = this.#budget.fileCost(this.#sizeBytes) - this.#takenBytes;
    await this.#budget.take({ bytes, objects, ownBytes: this.#takenBytes });
    this.#takenBytes += bytes;
    this.#takenObjects += objects;
  }

  /** Gives back what was taken: the file is an object now and counts as such, or it is discarded. */
  async release(): Promise<void> {
    // What waits for room would take it after it was given back.
    await this.#waiting?.catch(() => {});
    this.#giveBack();
  }

  /** As `release`, in this turn: nothing waits any more behind `takeRest`. */
  handOver(): void {
    this.#giveBack();
  }

  #took(bytes: number): void {
    this.#takenBytes += bytes;
    this.#pendingBytes -= bytes;
    this.#budget.admission.settle(this);
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
    this.#budget.admission.settle(this);
    this.#budget.holders.staging.delete(this);
    this.#budget.release({ bytes: this.#takenBytes, objects: this.#takenObjects });
    this.#takenBytes = 0;
    this.#takenObjects = 0;
  }

  /** Once this failed, all behind it fails the same way. */
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
