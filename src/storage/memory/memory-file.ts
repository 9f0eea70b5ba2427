/**
 * The bytes of one published file in memory: one exact buffer when small, slabs of one size when large.
 *
 * A read inside one slab is a view, and `contiguousBytes` says how far that is; one that crosses from slab to slab is a
 * copy. When a file is replaced or removed, and everybody who had it open says that nobody reads its bytes any more, its
 * slabs are used again for the next file: new memory of that size costs page faults and garbage collections, more than
 * all else a large put does.
 */
import { assert, CacheError } from "../../errors.ts";
import type { StoredFile } from "../object-storage.ts";

/** Who owns the memory of files, and wants to know when it is free. */
export interface MemoryOwner {
  /** The file is out of its place and nobody has it open. `isLent`: somebody may read its bytes for longer. Called once. */
  takeBack(slabs: readonly Buffer[], isLent: boolean): void;
  /** Somebody has opened the file that nobody had open. */
  opened?(): void;
  /** Nobody has the file open any more. */
  closed?(): void;
}

export interface MemoryFileParts {
  readonly sizeBytes: number;
  /** In order, none empty, together sizeBytes long. Nobody who opened the file reads what is still being written. */
  readonly slabs: readonly Buffer[];
  readonly owner: MemoryOwner;
}

export class MemoryFile {
  readonly sizeBytes: number;
  readonly slabs: readonly Buffer[];
  /** Its bytes were found to be those that were written. */
  isChecked = false;
  readonly #owner: MemoryOwner;
  #openCount = 0;
  #isRetired = false;
  /** Somebody may read the bytes for longer than the file was open. */
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

  /** The file is no longer in its place: once nobody has it open it is gone. Does nothing the second time. */
  retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    if (this.#openCount === 0) this.#owner.takeBack(this.slabs, this.#isLent);
  }

  /** Called once by each who opened it. */
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
  #file: MemoryFile | undefined;

  constructor(file: MemoryFile) {
    this.sizeBytes = file.sizeBytes;
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

/** A view when the range lies in one slab, else a copy. */
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
