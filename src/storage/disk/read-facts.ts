/**
 * Reads what the index needs of one file in as few system calls as can be: open, read, close; two more for a large file.
 *
 * Blocks: for a thread that does nothing else, or a few files at a time. One buffer serves all files.
 */
import fs from "node:fs";
import { LIMITS } from "../../limits.ts";
import { FileFactsReader } from "../../object/file-facts.ts";
import type { MeasuredFacts } from "../scanned-facts.ts";
import { readFullySync } from "./read-fully.ts";

/** A link is not followed, a pipe does not block. */
const FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;

export class FactsReader {
  readonly #facts = new FileFactsReader();
  readonly #buffer: Buffer;

  /** @param bufferBytes a file up to this size is read whole, of a larger one this much of its end. */
  constructor(bufferBytes: number = LIMITS.scanReadBytes) {
    this.#buffer = Buffer.allocUnsafeSlow(bufferBytes);
  }

  /** Undefined when the file is not one of ours and whole, or cannot be read: somebody has to look closer. */
  read(path: string): MeasuredFacts | undefined {
    let fd: number | undefined;
    try {
      fd = fs.openSync(path, FLAGS);
      // Of a regular file less than asked for means its end: no second call.
      let tailBytes = fs.readSync(fd, this.#buffer, 0, this.#buffer.length, 0);
      let fileSizeBytes = tailBytes;
      if (tailBytes === this.#buffer.length) {
        fileSizeBytes = fs.fstatSync(fd).size;
        tailBytes = readFullySync(fd, this.#buffer, fileSizeBytes - this.#buffer.length);
      }
      const facts = this.#facts.read(this.#buffer.subarray(0, tailBytes));
      return facts && { ...facts, fileSizeBytes };
    } catch {
      return undefined;
    } finally {
      if (fd !== undefined) fs.closeSync(fd);
    }
  }
}
