/**
 * Brings an object of another store into a bucket, with the versions that it has there.
 *
 * Base and patches are whole files. The manifest is written once, at the end, so that the object
 * appears with all its patches. Only if that would come too late for the first blob, the manifest
 * is written with the patches so far, which is an earlier state of the same object. A write happens
 * only if the manifest is the one that was looked up: a change by a server is never undone.
 */
import { assert } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import type { Lifetime } from "../../object/object-metadata.ts";
import type { BucketObjects } from "./bucket-objects.ts";
import { contentOf, type LiveObject, type Manifest, type ObjectFacts } from "./manifest.ts";
import type { Change } from "./manifest-write.ts";
import { totalsWith } from "./object-changes.ts";
import { withPatch } from "./patch-segments.ts";
import type { StagedBody } from "./staged-body.ts";
import type { Stopwatch } from "./timing.ts";

export interface ImportedPart {
  readonly rowCount: number;
  readonly dataBytes: number;
}

/** An object as the other store has it. */
export interface ImportedObject {
  readonly key: ObjectKey;
  readonly version: number;
  readonly baseVersion: number;
  readonly lifetime: Lifetime | undefined;
  /** Writes the file of the base, and returns what the manifest says of it. */
  base(sink: StagedBody): Promise<Omit<ObjectFacts, "lifetime">>;
  /** Writes the file of a patch. */
  patch(version: number, sink: StagedBody): Promise<ImportedPart>;
}

export type ImportOutcome = "imported" | "same" | "newer";

/**
 * @throws {CacheError} STORAGE_UNAVAILABLE, OBJECT_CORRUPT if the bucket's manifest is damaged,
 *   OBJECT_TOO_LARGE, and what the object throws
 */
export async function importObject(objects: BucketObjects, object: ImportedObject): Promise<ImportOutcome> {
  const { manifest } = await objects.manifests.read(object.key);
  if (manifest !== undefined && manifest.version >= object.version) {
    // A tombstone: it was deleted here, at this version or later.
    return manifest.live !== undefined && manifest.version === object.version ? "same" : "newer";
  }
  const run = new Import(objects, object, manifest);
  try {
    return (await run.run()) ? "imported" : "newer";
  } finally {
    await run.discard();
  }
}

class Import {
  readonly #objects: BucketObjects;
  readonly #object: ImportedObject;
  #before: Manifest | undefined;
  /** Bodies to which no manifest can refer. */
  #unreferred = new Set<StagedBody>();
  /** Of the oldest of them. */
  #since: Stopwatch | undefined;

  constructor(objects: BucketObjects, object: ImportedObject, before: Manifest | undefined) {
    this.#objects = objects;
    this.#object = object;
    this.#before = before;
  }

  /** @returns false if the object was changed in the bucket meanwhile */
  async run(): Promise<boolean> {
    const { key, version: last, baseVersion } = this.#object;
    const known = this.#before?.live;
    const isKnown = known?.baseVersion === baseVersion;
    let live = isKnown ? known : await this.#base();
    let version = isKnown ? this.#before!.version : baseVersion;
    while (version < last) {
      version += 1;
      live = await this.#withPatch(live, version);
      const isLate = this.#since !== undefined && this.#since.elapsedMs > LIMITS.blobCommitMsMax / 4;
      if (isLate && version < last && !(await this.#write(key, version, live))) return false;
    }
    return await this.#write(key, version, live);
  }

  /** As its current end may be another one than at its put. */
  #terminated({ lifetime: _, ...live }: LiveObject): LiveObject {
    const { lifetime } = this.#object;
    return lifetime === undefined ? live : { ...live, lifetime };
  }

  async discard(): Promise<void> {
    await Promise.allSettled([...this.#unreferred].map((body) => body.discard()));
  }

  async #base(): Promise<LiveObject> {
    const { key, baseVersion } = this.#object;
    const body = this.#stage(this.#objects.stage(key));
    const facts = await this.#object.base(body);
    const base = await this.#finish(body);
    const { nowMs: putAtMs } = this.#objects.manifests.storeClock;
    assert(putAtMs !== undefined, "the store's clock is known after the manifest was read");
    return { ...facts, baseVersion, putAtMs, base, segments: [], patches: [] };
  }

  async #withPatch(live: LiveObject, version: number): Promise<LiveObject> {
    const { key } = this.#object;
    const body = this.#stage(this.#objects.stagePatch(key));
    const part = await this.#object.patch(version, body);
    const content = await this.#finish(body);
    const patched = totalsWith(live.patched, { ...part, storedBytes: content.sizeBytes });
    return await withPatch(this.#objects.manifests, key, { ...live, patched }, { version, content });
  }

  #stage(body: StagedBody): StagedBody {
    this.#unreferred.add(body);
    return body;
  }

  async #finish(body: StagedBody) {
    const { span, since } = await body.finish();
    this.#since ??= since;
    // Its bytes are in the manifest: of 10,000 patches only these stay in memory.
    if (span.kind === "inline") this.#unreferred.delete(body);
    return contentOf([span]);
  }

  async #write(key: ObjectKey, version: number, live: LiveObject): Promise<boolean> {
    const before = this.#before?.changes;
    const change: Change<"changed"> = (state) => {
      if (state === undefined) return { kind: "look" };
      if (state.manifest?.changes !== before) return { kind: "refuse", refusal: "changed" };
      return { kind: "write", version, live: this.#terminated(live) };
    };
    const written = this.#unreferred;
    this.#unreferred = new Set();
    const since = this.#since;
    const outcome = await this.#objects.manifests.write(key, change, since && { sinceBlob: since });
    if (outcome.kind === "refused") {
      this.#unreferred = written;
      return false;
    }
    this.#since = undefined;
    this.#before = outcome.state.manifest;
    return true;
  }
}
