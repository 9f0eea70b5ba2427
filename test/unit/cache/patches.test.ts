/**
 * Patches: they belong to one base, and who reads that base keeps them whatever happens meanwhile.
 */
import { readdirSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { CacheError } from "../../../src/errors.ts";
import { LIMITS } from "../../../src/limits.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { OpaqueWriter } from "../../../src/object/opaque-writer.ts";
import {
  diskCache,
  engineOf,
  memoryCache,
  ownDirectory,
  patch,
  patchTable,
  put,
  putTable,
  read,
  readPatch,
  refused,
  restart,
  settled,
  textOf,
} from "./cache-fixture.ts";

const KEY = "app/session/object";
const NAME = parseObjectKey(KEY);

/** Files and directories of the session. */
function session(directory: string): string[] {
  return readdirSync(`${directory}/app/session`, { recursive: true, encoding: "utf8" }).sort();
}

describe("a patch", () => {
  it("is appended to its base, one after the other", async () => {
    const cache = await memoryCache();
    await put(cache, KEY, "base");
    for (const value of ["one", "", "three"]) await patch(cache, KEY, value);
    expect(await read(cache, KEY)).toEqual({ version: 4, base: "base", patches: ["one", "", "three"] });
  });

  it("adds its rows and bytes to what is known of the object", async () => {
    const cache = await memoryCache();
    await put(cache, KEY, "base");
    await patch(cache, KEY, "12345");
    expect(await cache.stat(NAME)).toMatchObject({ rowCount: 2, dataBytes: 9, baseVersion: 1, version: 2 });
  });

  it("of nothing is OBJECT_NOT_FOUND", async () => {
    const cache = await memoryCache();
    await expect(patch(cache, KEY, "x")).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
  });

  it("beyond the limit is OBJECT_TOO_LARGE, before its bytes are taken and at its commit; a put begins anew", async () => {
    const cache = await memoryCache();
    await put(cache, KEY, "base");
    for (let count = 1; count < LIMITS.patchesPerObjectMax; count += 1) await patch(cache, KEY, "");
    const late = await cache.draftPatch(NAME, "opaque", () => {});
    await patch(cache, KEY, "last");
    await expect(cache.draftPatch(NAME, "opaque", () => {})).rejects.toThrow(refused("OBJECT_TOO_LARGE"));
    await expect(late.commit(new OpaqueWriter(late.sink))).rejects.toThrow(refused("OBJECT_TOO_LARGE"));
    await late.discard();
    expect((await read(cache, KEY)).patches.at(-1)).toBe("last");
    const version = await put(cache, KEY, "anew");
    expect(await patch(cache, KEY, "first")).toBe(version + 1);
  });

  it("of another kind than its base is INVALID_REQUEST", async () => {
    const cache = await memoryCache();
    await put(cache, KEY, "base");
    await expect(patchTable(cache, KEY, "nested")).rejects.toThrow(refused("INVALID_REQUEST"));
  });

  it("goes with its base when that is replaced", async () => {
    const directory = ownDirectory();
    const cache = await diskCache(directory);
    await put(cache, KEY, "base");
    await patch(cache, KEY, "patch");
    await put(cache, KEY, "new base");
    expect(await read(cache, KEY)).toEqual({ version: 3, base: "new base", patches: [] });
    await settled(cache);
    expect(session(directory)).toEqual(["object.arrow"]);
  });

  it("that was begun before its base was replaced belongs to the new one", async () => {
    const cache = await memoryCache();
    await put(cache, KEY, "base");
    const draft = await cache.draftPatch(NAME, "opaque", () => {});
    const writer = new OpaqueWriter(draft.sink);
    await writer.append([Buffer.from("late")]);
    await put(cache, KEY, "new base");
    expect(await draft.commit(writer)).toBe(3);
    expect(await read(cache, KEY)).toEqual({ version: 3, base: "new base", patches: ["late"] });
  });

  it("that was begun before its base was deleted is OBJECT_NOT_FOUND", async () => {
    const cache = await memoryCache();
    await put(cache, KEY, "base");
    const draft = await cache.draftPatch(NAME, "opaque", () => {});
    await cache.delete({ scope: "object", key: NAME });
    await expect(draft.commit(new OpaqueWriter(draft.sink))).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
  });

  it("of a table is compared with each base it meets, and with no base twice", async () => {
    const cache = await memoryCache();
    await putTable(cache, KEY, "nested");
    const fits = vi.fn();
    await patchTable(cache, KEY, "nested", fits);
    expect(fits).toHaveBeenCalledTimes(1);
    const draft = await cache.draftPatch(NAME, "table", fits);
    await putTable(cache, KEY, "strings");
    fits.mockImplementation(() => {
      throw new CacheError("INVALID_REQUEST", "it does not fit");
    });
    await expect(draft.commit({ owedBytes: 0, finish: async () => expect.unreachable() })).rejects.toThrow(
      "does not fit",
    );
    await draft.discard();
    expect((await cache.stat(NAME)).version).toBe(3);
  });

  it("that claims more rows than a number holds together with its base is INVALID_REQUEST", async () => {
    const cache = await memoryCache();
    await put(cache, KEY, "base");
    const draft = await cache.draftPatch(NAME, "opaque", () => {});
    const summary = {
      part: "file",
      rowCount: Number.MAX_SAFE_INTEGER,
      dataBytes: 0,
      value: undefined,
    } as const;
    const finish = async () => summary;
    await expect(draft.commit({ owedBytes: 0, finish })).rejects.toThrow(refused("INVALID_REQUEST"));
    expect(await cache.stat(NAME)).toMatchObject({ version: 1, rowCount: 1 });
  });
});

describe.each([
  ["replaced", (cache: Awaited<ReturnType<typeof diskCache>>) => put(cache, KEY, "new base")],
  ["deleted", (cache: Awaited<ReturnType<typeof diskCache>>) => cache.delete({ scope: "object", key: NAME })],
])("who reads an object that is %s meanwhile", (_, change) => {
  it("gets the base and all patches of the moment at which they came", async () => {
    const cache = await diskCache(ownDirectory());
    await put(cache, KEY, "base");
    await patch(cache, KEY, "one");
    await patch(cache, KEY, "two");
    const { reading, base } = await cache.open(NAME, () => true);
    await change(cache);
    const found = [await textOf(base!)];
    for (const version of [2, 3]) found.push(await readPatch(reading, version));
    reading.close();
    expect(found).toEqual(["base", "one", "two"]);
    expect(reading.version).toBe(3);
  });

  it("leaves nothing behind, however many they are, when the last of them is done", async () => {
    const directory = ownDirectory();
    const cache = await diskCache(directory);
    await put(cache, KEY, "base");
    await patch(cache, KEY, "one");
    await put(cache, "app/session/other", "stays");
    const first = await cache.open(NAME, () => true);
    const second = await cache.open(NAME, () => false);
    await change(cache);
    first.reading.close();
    first.reading.close();
    await settled(cache);
    expect(session(directory)).toContain(".object.v1/2.arrow");
    second.reading.close();
    await vi.waitFor(async () => {
      await settled(cache);
      expect(session(directory)).not.toContain(".object.v1");
    });
  });
});

describe("a put", () => {
  it("that overlaps another of the same key comes before or behind it, by the order of their commits", async () => {
    const cache = await memoryCache();
    const drafts = ["first", "second"].map((value) => {
      const draft = cache.draftPut(NAME, "opaque");
      const writer = new OpaqueWriter(draft.sink);
      writer.append([Buffer.from(value)]);
      return () => draft.commit(writer);
    });
    const versions = await Promise.all([drafts[1]!(), drafts[0]!()]);
    expect(versions).toEqual([1, 2]);
    expect(await read(cache, KEY)).toEqual({ version: 2, base: "first", patches: [] });
  });

  it("of many at once gives each its own version, whatever they are", async () => {
    const cache = await diskCache(ownDirectory());
    await put(cache, KEY, "base");
    const works = Array.from({ length: 40 }, (_, index) =>
      index % 3 === 0 ? put(cache, KEY, `base ${index}`) : patch(cache, KEY, `patch ${index}`),
    );
    const versions = await Promise.all(works);
    expect(versions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index + 2));
    expect((await read(cache, KEY)).version).toBe(41);
  });

  it("in another form than before leaves one file", async () => {
    const directory = ownDirectory();
    const cache = await diskCache(directory);
    await putTable(cache, KEY, "replaced");
    await settled(cache);
    expect(session(directory)).toEqual(["object.arrows"]);
    await putTable(cache, KEY, "nested");
    await settled(cache);
    expect(session(directory)).toEqual(["object.arrow"]);
    await putTable(cache, KEY, "replaced");
    await settled(cache);
    expect(session(directory)).toEqual(["object.arrows"]);
    expect((await cache.stat(NAME)).version).toBe(3);
  });

  it("is an object also when what it replaced cannot be removed, and so it is after a restart", async () => {
    const directory = ownDirectory();
    const cache = await diskCache(directory);
    await putTable(cache, KEY, "replaced");
    vi.spyOn(engineOf(cache), "remove").mockRejectedValue(new CacheError("STORAGE_IO", "the test refuses"));
    expect(await put(cache, KEY, "value")).toBe(2);
    await settled(cache);
    expect(session(directory)).toEqual(["object.arrow", "object.arrows"]);
    const after = await restart(cache, directory);
    expect(await read(after, KEY)).toEqual({ version: 2, base: "value", patches: [] });
    await settled(after);
    expect(session(directory)).toEqual(["object.arrow"]);
  });
});
