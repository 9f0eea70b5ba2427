/**
 * The bytes of one published file in memory: one exact buffer if small, slabs of one size if large.
 *
 * A read inside one slab is a view, and `contiguousBytes` returns how far that reaches; a read
 * across slabs is a copy. When a file is replaced or removed and all its readers have released it,
 * its slabs are reused for the next file: new memory of that size costs page faults and garbage
 * collections, more than the rest of a large put.
 */
import { assert, CacheError } from "../../errors.ts";
import type { StoredFile } from "../object-storage.ts";

/** The owner of the memory of files; notified when memory is free. */
export interface MemoryOwner {
  /**
   * The file is unpublished and nobody has it open. `isLent`: a reader may use its bytes for
   * longer. Called once.
   */
  takeBack(slabs: readonly Buffer[], isLent: boolean): void;
  /** The file was opened while nobody had it open. */
  opened?(): void;
  /** The last reader has closed the file. */
  closed?(): void;
}

export interface MemoryFileParts {
  readonly sizeBytes: number;
  /**
   * In order, none empty, `sizeBytes` in total. Readers never see bytes that are still being
   * written.
   */
  readonly slabs: readonly Buffer[];
  readonly owner: MemoryOwner;
}

export class MemoryFile {
  readonly sizeBytes: number;
  readonly slabs: readonly Buffer[];
  readonly modifiedMs: number = Date.now();
  /** True after the bytes were compared with the checksum. */
  isChecked = false;
  readonly #owner: MemoryOwner;
  #openCount = 0;
  #isRetired = false;
  /** True if a reader may use the bytes for longer than the file was open. */
  #isLent = false;

  constructor({ sizeBytes, slabs, owner }: MemoryFileParts) {
    this.sizeBytes = sizeBytes;
    this.slabs = slabs;
    this.#owner = owner;
  }

  get isOpen(): boolean {
    return this.#openCount > 0;
  }

  open(): StoredFile {
    this.#openCount += 1;
    if (this.#openCount === 1) this.#owner.opened?.();
    return new OpenMemoryFile(this);
  }

  /**
   * Unpublishes the file. Its memory is released when nobody has it open. A second call does
   * nothing.
   */
  retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    if (this.#openCount === 0) this.#owner.takeBack(this.slabs, this.#isLent);
  }

  /** Called once by each reader. */
  closed(bytesAreDone: boolean): void {
    this.#openCount -= 1;
    if (!bytesAreDone) this.#isLent = true;
    if (this.#openCount > 0) return;
    const wasRetired = this.#isRetired;
    this.#owner.closed?.();
    if (wasRetired) this.#owner.takeBack(this.slabs, this.#isLent);
  }
}

class OpenMemoryFile implements StoredFile {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  #file: MemoryFile | undefined;

  constructor(file: MemoryFile) {
    this.sizeBytes = file.sizeBytes;
    this.modifiedMs = file.modifiedMs;
    this.#file = file;
  }

  get isChecked(): boolean {
    return this.#file?.isChecked ?? false;
  }

  markChecked(): void {
    if (this.#file !== undefined) this.#file.isChecked = true;
  }

  async read(position: number, lengthBytes: number): Promise<Buffer> {
    assert(this.#file, "a closed file is not read");
    assert(position >= 0 && lengthBytes >= 0, "a range begins inside the file");
    if (position + lengthBytes > this.sizeBytes) {
      throw new CacheError("OBJECT_CORRUPT", "the stored file is shorter than it should be", {
        facts: { position, lengthBytes, sizeBytes: this.sizeBytes },
      });
    }
    return sliceSlabs(this.#file.slabs, position, lengthBytes);
  }

  contiguousBytes(position: number): number {
    let start = 0;
    for (const slab of this.#file?.slabs ?? []) {
      if (position < start + slab.length) return start + slab.length - position;
      start += slab.length;
    }
    return 0;
  }

  close(bytesAreDone = false): void {
    this.#file?.closed(bytesAreDone);
    this.#file = undefined;
  }
}

/** A view if the range lies in one slab, otherwise a copy. */
function sliceSlabs(slabs: readonly Buffer[], position: number, lengthBytes: number): Buffer {
  const pieces: Buffer[] = [];
  let skip = position;
  let wanted = lengthBytes;
  for (const slab of slabs) {
    if (wanted === 0) break;
    if (skip < slab.length) {
      const piece = slab.subarray(skip, Math.min(slab.length, skip + wanted));
      pieces.push(piece);
      wanted -= piece.length;
      skip = 0;
    } else {
      skip -= slab.length;
    }
  }
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, lengthBytes);
}
