/**
 * What the tests do to an object of the Rust cache, in the process that tests and in those that are killed.
 */
import type { ObjectCache } from "../../src/cache/object-cache.ts";
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
  patch: async (cache: ObjectCache, key: ObjectKey) =>
    written(await cache.draftPatch(key, "opaque", () => {})),
  put: (cache: ObjectCache, key: ObjectKey) => written(cache.draftPut(key, "opaque")),
  delete: (cache: ObjectCache, key: ObjectKey) => cache.delete({ scope: "object", key }),
} as const;
