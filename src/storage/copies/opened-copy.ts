/**
 * A whole copy of a blob on the local disk, opened by one reader.
 *
 * Every read is compared with the copy's sums. A read that fails, or does not match, returns false
 * or undefined and ends the use of the copy: the reader reads the store, and the copy is dropped.
 */
import { CacheError, isCacheError } from "../../errors.ts";
import type { StoredDiskFile } from "../disk/stored-disk-file.ts";
import { type BlobSum, decodeTrailer, trailerBytes } from "./copy-format.ts";
import { matchesSums, type Summed } from "./summed-bytes.ts";

export interface CopyOwner {
  /** The file is unreadable, or not what it should be. */
  damaged(reason: string): void;
  read(bytes: number): void;
  closed(): void;
}

export class OpenedCopy {
  readonly #file: StoredDiskFile;
  readonly #owner: CopyOwner;
  readonly #summed: Summed;
  #isUsable = true;
  #isClosed = false;

  private constructor(file: StoredDiskFile, summed: Omit<Summed, "readInto">, owner: CopyOwner) {
    this.#file = file;
    this.#summed = { ...summed, readInto: (bytes, position) => this.#readRest(bytes, position) };
    this.#owner = owner;
  }

  /** Takes the file over. Undefined if it is not a copy of the blob: the owner was notified. */
  static async from(file: StoredDiskFile, blob: BlobSum, owner: CopyOwner): Promise<OpenedCopy | undefined> {
    const sums = await readSums(file, blob).catch(unlessTyped);
    if (sums === undefined) {
      file.close();
      owner.damaged("not a whole copy");
      owner.closed();
      return undefined;
    }
    return new OpenedCopy(file, { sizeBytes: blob.sizeBytes, sums }, owner);
  }

  /** A buffer that the reader may give back. */
  async read(position: number, lengthBytes: number): Promise<Buffer | undefined> {
    if (!this.#isUsable || this.#isClosed) return undefined;
    const bytes = await this.#file.read(position, lengthBytes).catch(unlessTyped);
    if (bytes !== undefined && (await this.#isRight(bytes, position))) return bytes;
    this.#fail();
    return undefined;
  }

  async readInto(bytes: Buffer, position: number): Promise<boolean> {
    if (!this.#isUsable || this.#isClosed) return false;
    const read = this.#file.readInto(bytes, position).then(() => true);
    if ((await read.catch(unlessTyped)) === true && (await this.#isRight(bytes, position))) return true;
    this.#fail();
    return false;
  }

  giveBack(bytes: Buffer): void {
    this.#file.giveBack(bytes);
  }

  close(bytesAreDone = false): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#file.close(bytesAreDone);
    this.#owner.closed();
  }

  async #isRight(bytes: Buffer, position: number): Promise<boolean> {
    const isRight = (await matchesSums(this.#summed, bytes, position).catch(unlessTyped)) === true;
    if (isRight) this.#owner.read(bytes.length);
    return isRight;
  }

  async #readRest(bytes: Buffer, position: number): Promise<void> {
    if (this.#isClosed) throw new CacheError("CANCELLED");
    await this.#file.readInto(bytes, position);
  }

  #fail(): void {
    if (this.#isUsable && !this.#isClosed)
      this.#owner.damaged("unreadable, or other bytes than were written");
    this.#isUsable = false;
  }
}

async function readSums(file: StoredDiskFile, blob: BlobSum): Promise<Uint32Array | undefined> {
  const { sizeBytes } = blob;
  if (file.sizeBytes !== sizeBytes + trailerBytes(sizeBytes)) return undefined;
  const trailer = Buffer.allocUnsafe(trailerBytes(sizeBytes));
  await file.readInto(trailer, sizeBytes);
  return decodeTrailer(trailer, blob);
}

/** A failure of the disk, which is in the log, is as good as no bytes. */
function unlessTyped(error: unknown): undefined {
  if (!isCacheError(error)) throw error;
  return undefined;
}
