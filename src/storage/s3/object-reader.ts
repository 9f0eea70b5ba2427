/**
 * Reads one state of an object: its patches, and the blobs of its base and of its patches.
 *
 * Blobs never change, so the bytes belong together however long it takes. If a blob is missing, the
 * reader reads the manifest again: either the object was replaced or deleted and its blobs
 * collected, or the bucket lost bytes.
 */
import { CacheError } from "../../errors.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import { corruptBlob, readWholeBlob } from "./blobs.ts";
import type { Content, LiveObject, Manifest, PatchEntry, PatchSegment } from "./manifest.ts";
import type { ManifestStore } from "./manifest-store.ts";
import { formatBlobName } from "./names.ts";

export class ObjectReader {
  readonly manifest: Manifest;
  readonly live: LiveObject;
  readonly #store: ManifestStore;

  constructor(store: ManifestStore, manifest: Manifest, live: LiveObject) {
    this.#store = store;
    this.manifest = manifest;
    this.live = live;
  }

  get version(): number {
    return this.manifest.version;
  }

  /**
   * All bytes of the base or of a patch, compared with their checksums.
   * @throws {CacheError} OBJECT_CORRUPT; STORAGE_UNAVAILABLE, as `fetch`
   */
  async readAll({ spans }: Content): Promise<Buffer> {
    const { key } = this.manifest;
    const pieces: Buffer[] = [];
    for (const span of spans) {
      if (span.kind === "inline") pieces.push(viewOf(span.bytes));
      else
        pieces.push(
          (await readWholeBlob(this.#store.bucket, key, span)) ?? (await this.#missing(key, span.id)),
        );
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /**
   * Exactly these bytes of a blob, from the store.
   * @throws {CacheError} OBJECT_CORRUPT; STORAGE_UNAVAILABLE, with the fact `replaced: true` if the
   *   object was replaced and these bytes were collected; CANCELLED
   */
  async fetch(
    id: string,
    { position, lengthBytes }: { readonly position: number; readonly lengthBytes: number },
    signal?: AbortSignal,
  ): Promise<Buffer> {
    const { key } = this.manifest;
    const bytes =
      (await this.#store.bucket.readRange(formatBlobName(key, id), position, lengthBytes, signal)) ??
      (await this.#missing(key, id));
    if (bytes.length !== lengthBytes) throw corruptBlob(id);
    return bytes;
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

/** Bytes of a manifest, not copied. */
export function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
