/**
 * A base or a patch in a bucket, opened for reading, as it was when its object was looked up.
 *
 * Its bytes never change. `close` ends requests that are under way.
 */
import { CacheError } from "../../errors.ts";
import type { SourceFile } from "../tier/file-load.ts";
import { type Content, holdsBlobs } from "./manifest.ts";
import type { ObjectReader } from "./object-reader.ts";

export class BucketFile implements SourceFile {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Its name says its version, and a version has one content. */
  readonly revision = "";
  readonly #reader: ObjectReader;
  readonly #content: Content;
  /** Absent: no read needs a request. */
  readonly #closing: AbortController | undefined;

  constructor(reader: ObjectReader, content: Content) {
    this.sizeBytes = content.sizeBytes;
    this.modifiedMs = reader.live.putAtMs;
    this.#reader = reader;
    this.#content = content;
    this.#closing = holdsBlobs(content) ? new AbortController() : undefined;
  }

  /** A view, if the bytes are in the manifest. */
  async read(position: number, lengthBytes: number): Promise<Buffer> {
    if (position + lengthBytes > this.sizeBytes) {
      throw new CacheError("OBJECT_CORRUPT", "the object in the bucket is shorter than it says");
    }
    return await this.#reader.read(this.#content, position, lengthBytes, this.#closing?.signal);
  }

  async readInto(bytes: Buffer, position: number): Promise<void> {
    const lengthBytes = Math.min(bytes.length, this.sizeBytes - position);
    bytes.set(await this.read(position, lengthBytes));
  }

  close(): void {
    this.#closing?.abort();
  }
}
