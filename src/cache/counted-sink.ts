/**
 * A staged file whose every byte is taken from the budget before the storage gets it.
 *
 * While there is room this costs an addition; else the bytes wait, in order, until enough was evicted, and whoever brings
 * them waits as well. When there will be no room the file can only be discarded.
 */
import type { ByteSink } from "../object/byte-sink.ts";
import type { StagedFile } from "../storage/object-storage.ts";
import type { StorageBudget } from "./storage-budget.ts";

/** What stands around the bytes of one message in a file: its header, padding, and its part of the footer. */
const FRAMING_BYTES = 4096;

export class CountedSink implements ByteSink {
  readonly isVolatile: boolean;
  readonly #staged: StagedFile;
  readonly #budget: StorageBudget;
  #sizeBytes = 0;
  #takenBytes = 0;
  #takenObjects = 0;
  /** Admitted and not appended yet. */
  #announcedBytes = 0;
  /** What waits for room, and all behind it. */
  #waiting: Promise<void> | undefined;

  constructor(staged: StagedFile, budget: StorageBudget) {
    this.#staged = staged;
    this.#budget = budget;
    this.isVolatile = staged.isVolatile ?? false;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Says how many bytes will be appended next. A promise means: wait before bringing them.
   * @throws {CacheError} STORAGE_FULL
   */
  announce(bytes: number): Promise<void> | undefined {
    const withFraming = bytes + FRAMING_BYTES;
    const admitted = this.#budget.admission.admit(withFraming, this.#sizeBytes);
    if (admitted === undefined) this.#announcedBytes += withFraming;
    return admitted?.then(() => {
      this.#announcedBytes += withFraming;
    });
  }

  append(chunks: readonly Uint8Array[]): Promise<void> | undefined {
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    this.#sizeBytes += bytes;
    this.#settle(Math.min(bytes, this.#announcedBytes));
    if (this.#waiting === undefined && this.#budget.takeAtOnce({ bytes })) {
      this.#takenBytes += bytes;
      return this.#staged.append(chunks);
    }
    return this.#after(async () => {
      await this.#take(bytes);
      await this.#staged.append(chunks);
    });
  }

  overwrite(position: number, bytes: Uint8Array): Promise<void> | undefined {
    if (this.#waiting === undefined) return this.#staged.overwrite(position, bytes);
    return this.#after(async () => this.#staged.overwrite(position, bytes));
  }

  /**
   * Takes what the file counts for once it is published, before it is.
   * @param objects 1 for a new object.
   * @throws {CacheError} STORAGE_FULL
   */
  async takeRest(objects: number): Promise<void> {
    await this.#waiting;
    const bytes = this.#budget.fileCost(this.#sizeBytes) - this.#takenBytes;
    await this.#budget.take({ bytes, objects });
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

  #settle(bytes: number): void {
    this.#announcedBytes -= bytes;
    this.#budget.admission.settle(bytes);
  }

  #giveBack(): void {
    this.#settle(this.#announcedBytes);
    this.#budget.release({ bytes: this.#takenBytes, objects: this.#takenObjects });
    this.#takenBytes = 0;
    this.#takenObjects = 0;
  }

  async #take(bytes: number): Promise<void> {
    await this.#budget.take({ bytes });
    this.#takenBytes += bytes;
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
