/**
 * The list in the order of keys: which objects it has, in which order, while others come and go.
 */
import { describe, expect, it } from "vitest";
import type { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import { LIMITS } from "../../../src/limits.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { parseKeyPrefix } from "../../../src/service/key-pattern.ts";
import { Random } from "../../support/random.ts";
import { diskCache, memoryCache, ownDirectory, put } from "./cache-fixture.ts";

async function listed(cache: IndexedCache, prefix = "", after?: string): Promise<string[]> {
  const range = { ...parseKeyPrefix(prefix), after: after === undefined ? undefined : parseObjectKey(after) };
  const keys: string[] = [];
  for await (const page of cache.listSorted(range)) keys.push(...page.map((entry) => entry.evictionKey));
  return keys;
}

const KEYS = ["a/s/1", "a/s/10", "a/s/2", "a/s-1/x", "a/t/x", "a-b/s/x", "b/s/x", "b/s2/y", "\u00fc/s/x"];

describe("the list in the order of keys", () => {
  it("orders applications, then sessions, then objects, whatever the order of the puts", async () => {
    const cache = await memoryCache();
    for (const key of [...KEYS].reverse()) await put(cache, key, "x");
    expect(await listed(cache)).toEqual([
      "a/s/1",
      "a/s/10",
      "a/s/2",
      "a/s-1/x",
      "a/t/x",
      "a-b/s/x",
      "b/s/x",
      "b/s2/y",
      "\u00fc/s/x",
    ]);
  });

  it.each([
    ["a", ["a/s/1", "a/s/10", "a/s/2", "a/s-1/x", "a/t/x", "a-b/s/x"]],
    ["a/", ["a/s/1", "a/s/10", "a/s/2", "a/s-1/x", "a/t/x"]],
    ["a/s", ["a/s/1", "a/s/10", "a/s/2", "a/s-1/x"]],
    ["a/s/", ["a/s/1", "a/s/10", "a/s/2"]],
    ["a/s/1", ["a/s/1", "a/s/10"]],
    ["b/s2/y", ["b/s2/y"]],
    ["c", []],
  ])("has the keys that begin with %j", async (prefix, expected) => {
    const cache = await memoryCache();
    for (const key of KEYS) await put(cache, key, "x");
    expect(await listed(cache, prefix)).toEqual(expected);
  });

  it.each(["a//", "/", "a/s/x/", "a/../x", ".", "a/s/*"])("refuses the prefix %j", (prefix) => {
    expect(() => parseKeyPrefix(prefix)).toThrow(expect.objectContaining({ code: "INVALID_KEY" }));
  });

  it("continues after any key, whether it exists or not", async () => {
    const cache = await memoryCache();
    for (const key of KEYS) await put(cache, key, "x");
    const all = await listed(cache);
    for (const [index, key] of all.entries())
      expect(await listed(cache, "", key)).toEqual(all.slice(index + 1));
    expect(await listed(cache, "", "a/s/11")).toEqual(all.slice(2));
    expect(await listed(cache, "a/s/", "a/s/11")).toEqual(["a/s/2"]);
    expect(await listed(cache, "a", "b/s/x")).toEqual([]);
  });

  it("has each object once in sessions and applications larger than a block", async () => {
    const cache = await memoryCache();
    const random = new Random(7);
    const keys = new Set<string>();
    const many = LIMITS.sortedListObjects * 2 + 100;
    for (let index = 0; index < many; index += 1) {
      keys.add(`many/one/${random.below(1e9)}`);
      keys.add(`wide/${random.below(1e9)}/x`);
    }
    for (const key of keys) await put(cache, key, "x");
    expect(await listed(cache)).toEqual([...keys].sort());
  });

  it("keeps its order while objects are put and deleted between its blocks", async () => {
    const cache = await memoryCache();
    const count = LIMITS.sortedListObjects + 10;
    const name = (index: number): string => `a/s/${String(index).padStart(6, "0")}`;
    for (let index = 0; index < count; index += 1) await put(cache, name(2 * index), "x");
    const pages = cache.listSorted({ ...parseKeyPrefix(""), after: undefined });
    const first = await pages.next();
    expect(first.value).toHaveLength(LIMITS.sortedListObjects);
    await put(cache, name(1), "behind the reader");
    await put(cache, name(2 * count - 3), "before the reader");
    await cache.delete({ scope: "object", key: parseObjectKey(name(2 * count - 2)) });
    const rest = (await pages.next()).value ?? [];
    expect(rest.map(({ evictionKey }) => evictionKey)).toEqual(
      [
        ...Array.from({ length: 9 }, (_, index) => name(2 * (LIMITS.sortedListObjects + index))),
        name(2 * count - 3),
      ].sort(),
    );
    expect((await pages.next()).done).toBe(true);
  });

  it("waits for the scan of the start, and has what it finds", async () => {
    const directory = ownDirectory();
    const cache = await diskCache(directory);
    for (const key of KEYS.slice(0, 5)) await put(cache, key, "x");
    await cache.stop();
    expect(await listed(await diskCache(directory))).toEqual(KEYS.slice(0, 5).sort(bySession));
  });

  it("leaves out objects that the caller may not list, without shortening its pages", async () => {
    const cache = await memoryCache();
    for (let index = 0; index < 20; index += 1)
      await put(cache, `a/s/${String(index).padStart(3, "0")}`, "x");
    const range = { ...parseKeyPrefix(""), after: undefined };
    const keys: string[] = [];
    for await (const page of cache.listSorted(range, ({ objectId }) => Number(objectId) % 2 === 1)) {
      keys.push(...page.map(({ objectId }) => objectId));
    }
    expect(keys).toHaveLength(10);
    expect(keys).toEqual(keys.filter((id) => Number(id) % 2 === 1).sort());
  });
});

function bySession(a: string, b: string): number {
  return a.split("/").join("\0") < b.split("/").join("\0") ? -1 : 1;
}
