/**
 * A published file on disk, opened for reading.
 *
 * While the disk is quick (DiskPace) opening blocks, and so does reading up to
 * BLOCKING_READ_BYTES_MAX: together 10 us for a small object against 180 through the thread pool.
 * Longer reads use the pool. A symbolic link in place of the file or of a directory above it
 * (RealDirectories) is not followed, a pipe does not block (O_NONBLOCK), and only a regular file is
 * an object.
 */
import fs from "node:fs";
import { assert, CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { BlockPool } from "../block-pool.ts";
import { free } from "../free-memory.ts";
import type { SourceFile } from "../tier/file-load.ts";
import { diskFailure, isMissing } from "./disk-failure.ts";
import type { DiskPace } from "./disk-pace.ts";
import type { DiskTools } from "./disk-tools.ts";
import { readFully, readFullySync } from "./read-fully.ts";
import { directoryOf } from "./real-directories.ts";

const log = logFor("storage");

/** 28 us blocking, 47 through the pool: beyond it the difference is negligible. */
const BLOCKING_READ_BYTES_MAX = 256 * 1024;

const FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;

/** What reading a file takes. */
export type ReadingTools = Pick<DiskTools, "root" | "pace" | "directories" | "blocks" | "readBlocks">;

/**
 * @param path relative to the storage directory.
 * @param isLook true if there is probably no such object.
 * @returns undefined if there is none.
 * @throws {CacheError} STORAGE_IO
 */
export async function openStoredFile(
  tools: ReadingTools,
  path: string,
  isLook = false,
): Promise<StoredDiskFile | undefined> {
  const { root, pace, directories } = tools;
  const absolutePath = `${root}/${path}`;
  let fd: number | undefined;
  try {
    const nature = directories.nature(directoryOf(path));
    if (nature !== "real" && (await nature) !== "real") return undefined;
    // Most looks find nothing: the error of an open costs ten times as much as this.
    if (isLook && pace.isQuick && !pace.block(() => fs.existsSync(absolutePath))) return undefined;
    fd = pace.isQuick ? pace.block(() => fs.openSync(absolutePath, FLAGS)) : await openInPool(absolutePath);
    // The open has loaded the inode: this needs no disk access.
    const status = fs.fstatSync(fd);
    if (status.isFile()) {
      const isDebugged = log.isEnabled("debug");
      if (isDebugged) log.debug("file opened", { path, sizeBytes: status.size });
      return new StoredDiskFile(fd, status, { path, tools, isTraced: isDebugged && log.isEnabled("trace") });
    }
  } catch (error) {
    if (fd !== undefined) fs.closeSync(fd);
    if (isMissing(error)) return undefined;
    throw diskFailure(error, path);
  }
  fs.closeSync(fd);
  return undefined;
}

function openInPool(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, FLAGS, (error, fd) => (error ? reject(error) : resolve(fd)));
  });
}

interface OpenedOptions {
  readonly path: string;
  readonly tools: ReadingTools;
  /** Whether each read is in the log. */
  readonly isTraced: boolean;
}

export class StoredDiskFile implements SourceFile {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly #inode: number;
  readonly #path: string;
  readonly #isTraced: boolean;
  readonly #pace: DiskPace;
  /** Blocks for whole pieces, and for smaller ones. */
  readonly #pools: readonly BlockPool[];
  /** Memory larger than LIMITS.unpooledReadBytesMax that readers have not given back. */
  readonly #lent = new Set<ArrayBufferLike>();
  #fd: number | undefined;
  /** Reads in the pool: the descriptor must not be closed and reused during them. */
  #readsUnderWay = 0;
  #isClosed = false;

  constructor(fd: number, status: fs.Stats, options: OpenedOptions) {
    this.#fd = fd;
    this.sizeBytes = status.size;
    this.#inode = status.ino;
    this.modifiedMs = status.mtimeMs;
    this.#path = options.path;
    this.#isTraced = options.isTraced;
    this.#pace = options.tools.pace;
    this.#pools = [options.tools.readBlocks, options.tools.blocks];
  }

  get revision(): string {
    return `${this.#inode}/${this.modifiedMs}`;
  }

  async read(position: number, lengthBytes: number): Promise<Buffer> {
    assert(!this.#isClosed, "a closed file is not read");
    assert(position >= 0 && lengthBytes >= 0, "a range begins inside the file");
    if (position + lengthBytes > this.sizeBytes) throw this.#tooShort(position, lengthBytes);
    const bytes = this.#memoryFor(lengthBytes);
    await this.readInto(bytes, position);
    return bytes;
  }

  /** Fills the caller's memory with the bytes at `position`. @throws {CacheError} as `read` */
  async readInto(bytes: Buffer, position: number): Promise<void> {
    assert(this.#fd !== undefined && !this.#isClosed, "a closed file is not read");
    const lengthBytes = bytes.length;
    if (this.#isTraced) log.trace("read from disk", { path: this.#path, position, bytes: lengthBytes });
    const fd = this.#fd;
    let readBytes: number;
    try {
      readBytes =
        lengthBytes <= BLOCKING_READ_BYTES_MAX && this.#pace.isQuick
          ? this.#pace.block(() => readFullySync(fd, bytes, position))
          : await this.#readInPool(fd, bytes, position);
    } catch (error) {
      throw diskFailure(error, this.#path);
    }
    if (readBytes < lengthBytes) throw this.#tooShort(position, lengthBytes);
  }

  giveBack(bytes: Buffer): void {
    if (this.#lent.delete(bytes.buffer)) this.#reuse(bytes.buffer);
  }

  close(bytesAreDone = false): void {
    if (bytesAreDone) for (const memory of this.#lent) this.#reuse(memory);
    this.#lent.clear();
    this.#isClosed = true;
    if (this.#readsUnderWay > 0 || this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    fs.closeSync(fd);
  }

  #memoryFor(lengthBytes: number): Buffer {
    if (lengthBytes <= LIMITS.unpooledReadBytesMax) return Buffer.allocUnsafe(lengthBytes);
    // A block for a small part of it would exceed what its reader is charged.
    const pool = this.#pools.find(
      ({ blockBytes }) => lengthBytes <= blockBytes && 2 * lengthBytes > blockBytes,
    );
    const memory = pool?.take() ?? Buffer.allocUnsafeSlow(lengthBytes);
    this.#lent.add(memory.buffer);
    return memory.subarray(0, lengthBytes);
  }

  #reuse(memory: ArrayBufferLike): void {
    const pool = this.#pools.find(({ blockBytes }) => blockBytes === memory.byteLength);
    if (pool === undefined) free(memory);
    else pool.give(Buffer.from(memory));
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

  #tooShort(position: number, lengthBytes: number): CacheError {
    return new CacheError("OBJECT_CORRUPT", "the stored file is shorter than it should be", {
      facts: { path: this.#path, position, lengthBytes, sizeBytes: this.sizeBytes },
    });
  }
}
