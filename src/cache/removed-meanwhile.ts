/**
 * Which objects were removed since the scan looked at them: what it found before is not true any more.
 *
 * A removal is counted when the object's files are gone. The scan reads the count before it looks at a batch, so whatever was
 * removed at a higher count may be in it. Kept are the names of one batch's time, and nothing when no scan is under way.
 */

export class RemovedMeanwhile {
  /** How often something was removed, in memory that the scan's thread shares. */
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

  /** Called when nothing of the object is left. */
  add(name: string): void {
    if (!this.#isScanning) return;
    const at = Atomics.add(this.count, 0, 1) + 1;
    this.#removedAt.delete(name);
    this.#removedAt.set(name, at);
  }

  /** Forgets what was removed before the scan looked: batches come in order. */
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
