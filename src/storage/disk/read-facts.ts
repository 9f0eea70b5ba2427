/**
 * Reads the facts of one file for the index with few system calls: open, read, close; two more for
 * a large file.
 *
 * Blocking: for a dedicated thread, or a few files at a time. One buffer serves all files.
 */
import fs from "node:fs";
import { LIMITS } from "../../limits.ts";
import { FileFactsReader } from "../../object/file-facts.ts";
import type { BaseFacts } from "../../object/index-facts.ts";
import { readFullySync } from "./read-fully.ts";

/** Follows no link and does not block on a pipe. */
const FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;

export class FactsReader {
  readonly #facts = new FileFactsReader();
  readonly #buffer: Buffer;

  /**
   * @param bufferBytes a file up to this size is read whole; of a larger one, this many bytes of
   *   its end.
   */
  constructor(bufferBytes: number = LIMITS.scanReadBytes) {
    this.#buffer = Buffer.allocUnsafeSlow(bufferBytes);
  }

  /**
   * Undefined if the file is not an intact one of ours, or cannot be read: it needs a closer look.
   */
  read(path: string): BaseFacts | undefined {
    let fd: number | undefined;
    try {
      fd = fs.openSync(path, FLAGS);
      // A short read of a regular file means its end: no second call.
      let tailBytes = fs.readSync(fd, this.#buffer, 0, this.#buffer.length, 0);
      let fileSizeBytes = tailBytes;
      if (tailBytes === this.#buffer.length) {
        fileSizeBytes = fs.fstatSync(fd).size;
        tailBytes = readFullySync(fd, this.#buffer, fileSizeBytes - this.#buffer.length);
      }
      const facts = this.#facts.read(this.#buffer.subarray(0, tailBytes));
      return facts && { ...facts, form: "file", fileSizeBytes };
    } catch {
      return undefined;
    } finally {
      if (fd !== undefined) fs.closeSync(fd);
    }
  }
}
