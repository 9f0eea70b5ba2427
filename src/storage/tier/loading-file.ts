/**
 * A file that was opened while it is being loaded: each read waits only for its own bytes.
 *
 * Reads return views of the full parts of the memory that is being filled.
 */
import { assert } from "../../errors.ts";
import type { StoredFile } from "../object-storage.ts";
import type { FileLoad } from "./file-load.ts";

export class LoadingFile implements StoredFile {
  readonly sizeBytes: number;
  readonly #memory: StoredFile;
  readonly #load: FileLoad;
  #readsUnderWay = 0;
  #isClosed = false;

  /** @param memory the file's memory, opened for this reader. */
  constructor(memory: StoredFile, load: FileLoad) {
    this.sizeBytes = memory.sizeBytes;
    this.#memory = memory;
    this.#load = load;
  }

  get isChecked(): boolean {
    return this.#memory.isChecked ?? false;
  }

  markChecked(): void {
    this.#memory.markChecked?.();
  }

  async read(position: number, lengthBytes: number): Promise<Buffer> {
    assert(!this.#isClosed, "a closed file is not read");
    this.#readsUnderWay += 1;
    try {
      await this.#load.ready(position, lengthBytes);
      return await this.#memory.read(position, lengthBytes);
    } finally {
      this.#readsUnderWay -= 1;
      // A reader that closes the file during a read still gets the bytes and may keep them.
      if (this.#isClosed && this.#readsUnderWay === 0) this.#memory.close();
    }
  }

  contiguousBytes(position: number): number {
    return this.#memory.contiguousBytes?.(position) ?? 0;
  }

  close(bytesAreDone = false): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#readsUnderWay === 0) this.#memory.close(bytesAreDone);
  }
}
