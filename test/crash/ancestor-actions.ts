/**
 * What the tests do to an object of the Rust cache, in the process that tests and in those that are killed.
 */
import type { IndexedCache } from "../../src/cache/indexed-cache.ts";
import type { Draft } from "../../src/cache/put-draft.ts";
import type { ObjectKey } from "../../src/object/object-key.ts";
import { OpaqueWriter } from "../../src/object/opaque-writer.ts";

/** The value that is put, or appended. */
export const VALUE = Buffer.from("ours");

async function written(draft: Draft): Promise<number> {
  const writer = new OpaqueWriter(draft.sink);
  await writer.append([VALUE]);
  return await draft.commit(writer);
}

export const ACTIONS = {
  patch: async (cache: IndexedCache, key: ObjectKey) =>
    written(await cache.draftPatch(key, "opaque", () => {})),
  put: (cache: IndexedCache, key: ObjectKey) => written(cache.draftPut(key, "opaque")),
  delete: (cache: IndexedCache, key: ObjectKey) => cache.delete({ scope: "object", key }),
} as const;
