/**
 * Reads one state of an object: ranges of its base and of its patches.
 *
 * Blobs never change, so the bytes belong together however long it takes. A blob that is read from
 * its beginning to its end, range after range, is compared with its checksum. If a blob is missing,
 * the reader reads the manifest again: either the object was replaced or deleted and its blobs
 * collected, or the bucket lost bytes.
 */
import { crc32 } from "node:zlib";
import { assert, CacheError } from "../../errors.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import { type BlobSpan, corruptBlob } from "./blobs.ts";
import type { Content, LiveObject, Manifest, PatchEntry, PatchSegment } from "./manifest.ts";
import type { ManifestStore } from "./manifest-store.ts";
import { formatBlobName } from "./names.ts";

/** How far a blob was read without a gap, and the checksum up to there. */
interface Progress {
  nextByte: number;
  crc32: number;
}

export class ObjectReader {
  readonly manifest: Manifest;
  readonly live: LiveObject;
  readonly #store: ManifestStore;
  readonly #progress = new Map<string, Progress>();

  constructor(store: ManifestStore, manifest: Manifest, live: LiveObject) {
    this.#store = store;
    this.manifest = manifest;
    this.live = live;
  }

  get version(): number {
    return this.manifest.version;
  }

  /**
   * Exactly these bytes of the base or of a patch; a view if they are in the manifest.
   * @throws {CacheError} OBJECT_CORRUPT; STORAGE_UNAVAILABLE, with the fact `replaced: true` if the
   *   object was replaced and these bytes were collected; CANCELLED
   */
  async read(content: Content, position: number, lengthBytes: number, signal?: AbortSignal): Promise<Buffer> {
    const end = position + lengthBytes;
    assert(position >= 0 && lengthBytes >= 0 && end <= content.sizeBytes, "a range is within its content");
    const pieces: Buffer[] = [];
    let start = 0;
    for (const span of content.spans) {
      const spanBytes = span.kind === "blob" ? span.sizeBytes : span.bytes.length;
      const from = Math.max(position, start) - start;
      const to = Math.min(end, start + spanBytes) - start;
      if (from < to && span.kind === "blob") pieces.push(await this.#readBlob(span, from, to - from, signal));
      else if (from < to && span.kind === "inline") pieces.push(viewOf(span.bytes.subarray(from, to)));
      start += spanBytes;
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  readAll(content: Content): Promise<Buffer> {
    return this.read(content, 0, content.sizeBytes);
  }

  /** The patches in order; one segment is in memory at a time. */
  async *patches(): AsyncGenerator<PatchEntry> {
    for (const segment of this.live.segments) yield* await this.#readSegment(segment);
    yield* this.live.patches;
  }

  /** The versions of the patches. Costs no request: they have no gaps. */
  *patchVersions(): Generator<number> {
    for (let version = this.live.baseVersion + 1; version <= this.version; version += 1) yield version;
  }

  /** One patch; undefined if the object has none of this version. */
  async patch(version: number): Promise<PatchEntry | undefined> {
    const segment = this.live.segments.find((each) => version <= each.lastVersion);
    const entries = segment === undefined ? this.live.patches : await this.#readSegment(segment);
    return entries.find((entry) => entry.version === version);
  }

  async #readSegment(segment: PatchSegment): Promise<PatchEntry[]> {
    const { key } = this.manifest;
    return (await this.#store.segments.read(key, segment)) ?? (await this.#missing(key, segment.id));
  }

  async #readBlob(
    span: BlobSpan,
    position: number,
    lengthBytes: number,
    signal?: AbortSignal,
  ): Promise<Buffer> {
    const { key } = this.manifest;
    const bytes =
      (await this.#store.bucket.readRange(formatBlobName(key, span.id), position, lengthBytes, signal)) ??
      (await this.#missing(key, span.id));
    if (bytes.length !== lengthBytes) throw corruptBlob(span.id);
    this.#check(span, position, bytes);
    return bytes;
  }

  #check(span: BlobSpan, position: number, bytes: Buffer): void {
    if (position === 0) this.#progress.set(span.id, { nextByte: 0, crc32: 0 });
    const progress = this.#progress.get(span.id);
    if (progress === undefined || progress.nextByte !== position) return;
    progress.crc32 = crc32(bytes, progress.crc32);
    progress.nextByte += bytes.length;
    if (progress.nextByte < span.sizeBytes) return;
    this.#progress.delete(span.id);
    if (progress.crc32 !== span.crc32) throw corruptBlob(span.id);
  }

  async #missing(key: ObjectKey, id: string): Promise<never> {
    const { manifest } = await this.#store.read(key);
    if (manifest?.live?.baseVersion === this.live.baseVersion) {
      throw new CacheError("OBJECT_CORRUPT", "bytes of the object are missing in the bucket", {
        facts: { blob: id },
      });
    }
    throw new CacheError("STORAGE_UNAVAILABLE", "the object was replaced while it was read; read it again", {
      facts: { replaced: true, blob: id },
    });
  }
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
