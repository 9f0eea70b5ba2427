/**
 * A small file that has not come to rest, opened for reading: its content was read from the log.
 */

import { CacheError } from "../../../errors.ts";
import type { SourceFile } from "../../tier/file-load.ts";
import type { Recent } from "./log-segment.ts";

export class LoggedFile implements SourceFile {
  readonly sizeBytes: number;
  readonly revision: string;
  readonly modifiedMs: number | undefined;
  readonly #path: string;
  readonly #bytes: Buffer;

  constructor(recent: Recent, bytes: Buffer) {
    const { path, atMs, contentBytes } = recent;
    this.sizeBytes = contentBytes;
    this.revision = revisionOf(recent);
    this.modifiedMs = atMs > 0 ? atMs : undefined;
    this.#path = path;
    this.#bytes = bytes;
  }

  async read(position: number, lengthBytes: number): Promise<Buffer> {
    if (position + lengthBytes > this.#bytes.length) {
      const facts = { path: this.#path, position, lengthBytes, sizeBytes: this.#bytes.length };
      throw new CacheError("OBJECT_CORRUPT", "the stored file is shorter than it should be", { facts });
    }
    return this.#bytes.subarray(position, position + lengthBytes);
  }

  async readInto(bytes: Buffer, position: number): Promise<void> {
    (await this.read(position, bytes.length)).copy(bytes);
  }

  close(): void {}
}

/** Tells one content of a name from all others. */
export function revisionOf({ segment, position }: Recent): string {
  return `${segment.head.number}:${position}`;
}
