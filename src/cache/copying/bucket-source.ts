/**
 * A bucket as the source of a copy. Servers may use it meanwhile: each object is copied as it was
 * at some moment.
 *
 * Tombstones and expired objects are read as well, because their keys must not get a version again.
 */

import { CacheError } from "../../errors.ts";
import { formatObjectKey } from "../../object/object-key.ts";
import { RangeMemory } from "../../storage/s3/blob-ranges.ts";
import { BucketFile } from "../../storage/s3/bucket-file.ts";
import { isExpired, type LiveObject, type Manifest } from "../../storage/s3/manifest.ts";
import { MANIFESTS, parseManifestName } from "../../storage/s3/names.ts";
import { ObjectReader } from "../../storage/s3/object-reader.ts";
import type { BucketEnd, CopySource, Found, Listed, NameSettings, SourceObject } from "./copy-ends.ts";

export class BucketSource implements CopySource {
  readonly settings: NameSettings = { pins: [], rules: [] };
  readonly #end: BucketEnd;
  readonly #sources = { memory: new RangeMemory() };

  constructor(end: BucketEnd) {
    this.#end = end;
  }

  async start(): Promise<void> {
    await this.#end.check();
  }

  async stop(): Promise<void> {
    this.#end.close();
  }

  versionFloor(): Promise<number> {
    return this.#end.objects.floor.version();
  }

  async *list(): AsyncGenerator<Listed, void, void> {
    for await (const page of this.#end.objects.manifests.bucket.list(MANIFESTS)) {
      for (const { key: name, etag } of page) {
        const parsed = parseManifestName(name);
        if (parsed === undefined) continue;
        const shown = parsed.key === undefined ? name : formatObjectKey(parsed.key);
        yield { name: shown, find: () => this.#find(name, etag) };
      }
    }
  }

  async #find(name: string, etag: string | undefined): Promise<Found> {
    const { manifests } = this.#end.objects;
    const state = await manifests.readListed(name, etag);
    const { manifest } = state;
    if (manifest?.live === undefined || isExpired(manifest, manifests.storeNowMs(state)))
      return { kind: "absent", version: manifest?.version ?? 0 };
    return { kind: "object", object: this.#object(manifest, manifest.live) };
  }

  #object(manifest: Manifest, live: LiveObject): SourceObject {
    const reader = new ObjectReader(this.#end.objects.manifests, manifest, live);
    const { key, version } = manifest;
    const { baseVersion, form, lifetime } = live;
    const sources = this.#sources;
    const open = async (wanted: number) => {
      if (wanted === baseVersion) return new BucketFile(reader, live.base, sources);
      const patch = await reader.patch(wanted);
      if (patch === undefined) throw new CacheError("OBJECT_CORRUPT", `patch ${wanted} is missing`);
      return new BucketFile(reader, patch.content, sources);
    };
    return { key, version, baseVersion, form, lifetime, open };
  }
}
