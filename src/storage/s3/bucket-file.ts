/**
 * A base or a patch in a bucket, opened for reading, as it was when its object was looked up.
 *
 * Its bytes never change. They are in the manifest, or in blobs (blob-reader.ts). `close` ends
 * requests that are under way.
 */
import { assert, CacheError } from "../../errors.ts";
import type { SourceFile } from "../tier/file-load.ts";
import { BlobReader, type BlobSources, type FetchRange } from "./blob-reader.ts";
import type { BlobSpan } from "./blobs.ts";
import type { Content } from "./manifest.ts";
import { formatBlobName } from "./names.ts";
import { type ObjectReader, viewOf } from "./object-reader.ts";

/** A part of one span. */
interface Piece {
  readonly source: Uint8Array | BlobReader;
  /** Within the span. */
  readonly position: number;
  readonly lengthBytes: number;
}

export class BucketFile implements SourceFile {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Its name says its version, and a version has one content. */
  readonly revision = "";
  readonly #reader: ObjectReader;
  readonly #content: Content;
  readonly #sources: BlobSources;
  readonly #blobs = new Map<string, BlobReader>();

  constructor(reader: ObjectReader, content: Content, sources: BlobSources) {
    this.sizeBytes = content.sizeBytes;
    this.modifiedMs = reader.live.putAtMs;
    this.#reader = reader;
    this.#content = content;
    this.#sources = sources;
  }

  /** A view, if the bytes are in the manifest. */
  async read(position: number, lengthBytes: number): Promise<Buffer> {
    const [first, ...more] = this.#pieces(position, lengthBytes);
    if (first === undefined) return Buffer.alloc(0);
    if (more.length === 0) {
      const { source } = first;
      if (source instanceof BlobReader) return await source.read(first.position, lengthBytes);
      return viewOf(source.subarray(first.position, first.position + lengthBytes));
    }
    const bytes = Buffer.allocUnsafeSlow(lengthBytes);
    await this.readInto(bytes, position);
    return bytes;
  }

  async readInto(bytes: Buffer, position: number): Promise<void> {
    let done = 0;
    for (const piece of this.#pieces(position, Math.min(bytes.length, this.sizeBytes - position))) {
      const part = bytes.subarray(done, done + piece.lengthBytes);
      if (piece.source instanceof BlobReader) await piece.source.readInto(part, piece.position);
      else part.set(piece.source.subarray(piece.position, piece.position + piece.lengthBytes));
      done += piece.lengthBytes;
    }
  }

  giveBack(bytes: Buffer): void {
    for (const blob of this.#blobs.values()) blob.giveBack(bytes);
  }

  close(bytesAreDone = false): void {
    for (const blob of this.#blobs.values()) blob.close(bytesAreDone);
  }

  #pieces(position: number, lengthBytes: number): Piece[] {
    const end = position + lengthBytes;
    assert(position >= 0 && lengthBytes >= 0, "a range begins inside the file");
    if (end > this.sizeBytes) {
      throw new CacheError("OBJECT_CORRUPT", "the object in the bucket is shorter than it says");
    }
    const pieces: Piece[] = [];
    let start = 0;
    for (const span of this.#content.spans) {
      const spanBytes = span.kind === "blob" ? span.sizeBytes : span.bytes.length;
      const from = Math.max(position, start);
      const to = Math.min(end, start + spanBytes);
      if (from < to) {
        const source = span.kind === "blob" ? this.#blob(span) : span.bytes;
        pieces.push({ source, position: from - start, lengthBytes: to - from });
      }
      start += spanBytes;
    }
    return pieces;
  }

  #blob(span: BlobSpan): BlobReader {
    const known = this.#blobs.get(span.id);
    if (known !== undefined) return known;
    const fetch: FetchRange = (position, lengthBytes, signal) =>
      this.#reader.fetch(span.id, { position, lengthBytes }, signal);
    const name = formatBlobName(this.#reader.manifest.key, span.id);
    const blob = new BlobReader(span, name, fetch, this.#sources);
    this.#blobs.set(span.id, blob);
    return blob;
  }
}
