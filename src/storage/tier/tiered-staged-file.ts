/**
 * A staged file that says when it took its name, so that nothing older is kept under that name.
 */
import type { Durability, StagedFile, StoredName } from "../object-storage.ts";

export class TieredStagedFile implements Required<Omit<StagedFile, "isVolatile">> {
  readonly #file: StagedFile;
  readonly #changed: (name: StoredName) => void;

  /** @param changed called when the name may hold other bytes than before. */
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
      // Also when it failed: the file may be visible all the same.
      this.#changed(name);
    }
  }

  discard(): Promise<void> {
    return this.#file.discard();
  }
}
