/**
 * A staged file that reports its publish, so that the tier keeps nothing older under that name.
 *
 * All other calls go to the disk.
 */
import type { Durability, StagedFile, StoredName } from "../object-storage.ts";

export class TieredStagedFile implements Required<Omit<StagedFile, "skipsChecksum">> {
  readonly #file: StagedFile;
  readonly #changed: (name: StoredName) => void;

  /** @param changed called when the content under the name may have changed. */
  constructor(file: StagedFile, changed: (name: StoredName) => void) {
    this.#file = file;
    this.#changed = changed;
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes;
  }

  get isPublished(): boolean {
    return this.#file.isPublished ?? false;
  }

  append(chunks: readonly Uint8Array[]): Promise<void> | undefined {
    return this.#file.append(chunks);
  }

  overwrite(position: number, bytes: Uint8Array): Promise<void> | undefined {
    return this.#file.overwrite(position, bytes);
  }

  async publish(name: StoredName, durability?: Durability): Promise<void> {
    try {
      await this.#file.publish(name, durability);
    } finally {
      // Also after a failure: the file may be visible anyway.
      this.#changed(name);
    }
  }

  discard(): Promise<void> {
    return this.#file.discard();
  }
}
