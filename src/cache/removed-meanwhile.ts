/**
 * Tracks objects that were removed since the scan read them, so that stale results are ignored.
 *
 * A removal is counted when the object's files are gone. The scan reads the count before each
 * batch, so objects removed at a higher count may be in the batch. Only the names of one batch's
 * time are kept, and none outside a scan.
 */

export class RemovedMeanwhile {
  /** The number of removals, in memory shared with the scan's thread. */
  readonly count = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  /** Names by the count of their removal, oldest first. */
  readonly #removedAt = new Map<string, number>();
  #isScanning = false;

  begin(): void {
    this.#isScanning = true;
  }

  end(): void {
    this.#isScanning = false;
    this.#removedAt.clear();
  }

  /** Called when all files of the object are removed. */
  add(name: string): void {
    if (!this.#isScanning) return;
    const at = Atomics.add(this.count, 0, 1) + 1;
    this.#removedAt.delete(name);
    this.#removedAt.set(name, at);
  }

  /** Forgets removals before the scan's read: batches come in order. */
  forgetBefore(seenAt: number): void {
    for (const [name, at] of this.#removedAt) {
      if (at > seenAt) return;
      this.#removedAt.delete(name);
    }
  }

  get isEmpty(): boolean {
    return this.#removedAt.size === 0;
  }

  has(name: string): boolean {
    return this.#removedAt.has(name);
  }
}
