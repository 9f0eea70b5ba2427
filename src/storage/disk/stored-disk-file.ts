/**
 * A published file on disk, opened for reading.
 *
 * Opening, and reading up to SYNC_READ_BYTES_MAX, block the event loop on purpose: together 10 us against 180 us over the thread
 * pool. Longer reads go to the pool, where a slow disk holds up nobody else.
 * Symbolic links are not followed at the last step of the path, a pipe does not block (O_NONBLOCK), and what is not
 * a regular file is not an object.
 */
import fs from "node:fs";
import { assert, CacheError } from "../../errors.ts";
import type { StoredFile } from "../object-storage.ts";
import { diskFailure, isMissing } from "./disk-failure.ts";

const SYNC_READ_BYTES_MAX = 64 * 1024;

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

/** @param path relative to `root`. Undefined when there is no such object. @throws {CacheError} STORAGE_IO */
export function openStoredFile(root: string, path: string): StoredDiskFile | undefined {
  let fd: number;
  try {
    fd = fs.openSync(`${root}/${path}`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw diskFailure(error, path);
  }
  try {
    const status = fs.fstatSync(fd);
    if (status.isFile()) return new StoredDiskFile(fd, status.size, path);
  } catch (error) {
    fs.closeSync(fd);
    throw diskFailure(error, path);
  }
  fs.closeSync(fd);
  return undefined;
}

export class StoredDiskFile implements StoredFile {
  readonly sizeBytes: number;
  readonly #path: string;
  #fd: number | undefined;
  /** Reads in the thread pool: the descriptor must not be closed, and given to another file, under them. */
  #readsUnderWay = 0;
  #isClosed = false;

  constructor(fd: number, sizeBytes: number, path: string) {
    this.#fd = fd;
    this.sizeBytes = sizeBytes;
    this.#path = path;
  }

  async read(position: number, lengthBytes: number): Promise<Buffer> {
    assert(!this.#isClosed, "a closed file is not read");
    const fd = this.#fd!;
    const bytes = Buffer.allocUnsafeSlow(lengthBytes);
    let readBytes: number;
    try {
      readBytes =
        lengthBytes <= SYNC_READ_BYTES_MAX
          ? readFullySync(fd, bytes, position)
          : await this.#readInPool(fd, bytes, position);
    } catch (error) {
      throw diskFailure(error, this.#path);
    }
    if (readBytes === lengthBytes) return bytes;
    throw new CacheError("OBJECT_CORRUPT", "the stored file is shorter than it should be", {
      facts: { path: this.#path, position, lengthBytes, sizeBytes: this.sizeBytes },
    });
  }

  close(): void {
    this.#isClosed = true;
    if (this.#readsUnderWay > 0 || this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    fs.closeSync(fd);
  }

  async #readInPool(fd: number, bytes: Buffer, position: number): Promise<number> {
    this.#readsUnderWay += 1;
    try {
      return await readFully(fd, bytes, position);
    } finally {
      this.#readsUnderWay -= 1;
      if (this.#isClosed) this.close();
    }
  }
}

/** Bytes read: fewer than asked for only at the end of the file. */
function readFullySync(fd: number, bytes: Buffer, position: number): number {
  let done = 0;
  while (done < bytes.length) {
    const got = fs.readSync(fd, bytes, done, bytes.length - done, position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

function readFully(fd: number, bytes: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let done = 0;
    const next = (): void => {
      fs.read(fd, bytes, done, bytes.length - done, position + done, (error, got) => {
        done += got;
        if (error) reject(error);
        else if (got === 0 || done === bytes.length) resolve(done);
        else next();
      });
    };
    next();
  });
}
