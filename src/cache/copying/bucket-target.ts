/**
 * A bucket as the target of a copy. Servers may use it meanwhile: what they change is kept.
 *
 * Pins and times to live of sessions have no place in a bucket; each object keeps its own end.
 */
import type { StoredObject } from "../../object/stored-blocks.ts";
import { type ImportedObject, importObject } from "../../storage/s3/import-object.ts";
import { refuseVersionedId } from "../../storage/s3/names.ts";
import type { BucketEnd, CopyTarget, PutOutcome, SourceObject } from "./copy-ends.ts";
import { copyFile } from "./copy-file.ts";

export class BucketTarget implements CopyTarget {
  readonly takeSettings = undefined;
  readonly #end: BucketEnd;

  constructor(end: BucketEnd) {
    this.#end = end;
  }

  async start(): Promise<void> {
    await this.#end.check();
  }

  async stop(): Promise<void> {
    this.#end.close();
  }

  async raiseVersionFloor(version: number): Promise<void> {
    if (version > 0) await this.#end.objects.floor.raise(version);
  }

  async put(object: SourceObject, signal: AbortSignal): Promise<PutOutcome> {
    refuseVersionedId(object.key);
    const outcome = await importObject(this.#end.objects, importedObject(object, signal));
    return outcome === "imported" ? "copied" : outcome;
  }
}

function importedObject(object: SourceObject, signal: AbortSignal): ImportedObject {
  const { key, version, baseVersion, form, lifetime } = object;
  return {
    key,
    version,
    baseVersion,
    lifetime,
    base: async (sink) => {
      const { kind, rowCount, dataBytes, putBy }: StoredObject = await copyFile(object, baseVersion, {
        sink,
        signal,
      });
      return { form, kind, rowCount, dataBytes, ...(putBy !== undefined && { putBy }) };
    },
    patch: async (patch, sink) => {
      const { rowCount, dataBytes } = await copyFile(object, patch, { sink, signal });
      return { rowCount, dataBytes };
    },
  };
}
