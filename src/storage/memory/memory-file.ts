/**
 * The bytes of one published file in memory: one exact buffer when small, slabs one after the other when large.
 *
 * A read inside one slab is a view; one that crosses from slab to slab is a copy. Slabs grow with the file
 * (StagedMemoryFile), so a file of any size has few crossings.
 */
import { assert, CacheError } from "../../errors.ts";
import type { StoredFile } from "../object-storage.ts";

export interface MemoryFile {
  readonly sizeBytes: number;
  /** In order, none empty, together sizeBytes long. Never written to after publishing. */
  readonly slabs: readonly Buffer[];
}

export class OpenMemoryFile implements StoredFile {
  readonly sizeBytes: number;
  #slabs: readonly Buffer[] | undefined;

  constructor(file: MemoryFile) {
    this.sizeBytes = file.sizeBytes;
    this.#slabs = file.slabs;
  }

  async read(position: number, lengthBytes: number): Promise<Buffer> {
    assert(this.#slabs, "a closed file is not read");
    assert(position >= 0 && lengthBytes >= 0, "a range begins inside the file");
    if (position + lengthBytes > this.sizeBytes) {
      throw new CacheError("OBJECT_CORRUPT", "the stored file is shorter than it should be", {
        facts: { position, lengthBytes, sizeBytes: this.sizeBytes },
      });
    }
    return sliceSlabs(this.#slabs, position, lengthBytes);
  }

  close(): void {
    this.#slabs = undefined;
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
