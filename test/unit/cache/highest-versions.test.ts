/**
 * Versions near the end of what can be counted: a file that claims one breaks nothing, and no version comes twice.
 */
import fs from "node:fs";
import { describe, expect, it } from "vitest";
import type { ObjectCache } from "../../../src/cache/object-cache.ts";
import { LIMITS } from "../../../src/limits.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { OpaqueWriter } from "../../../src/object/opaque-writer.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { REASON_ENDING } from "../../../src/storage/disk/quarantine-reason.ts";
import { named } from "../storage/scratch-directory.ts";
import { diskCache, keysOf, ownDirectory, patch, put, read, refused } from "./cache-fixture.ts";

const KEY = "a/s/o";
const BEYOND = [LIMITS.versionMax + 1, Number.MAX_SAFE_INTEGER];

/** A whole file of our own that claims any version. */
async function claim(directory: string, key: string, version: number): Promise<void> {
  const storage = new DiskStorage({ directory });
  await storage.start();
  const staged = storage.stage();
  const writer = new OpaqueWriter(staged);
  await writer.append([Buffer.from("claimed")]);
  await writer.finish(version, undefined);
  await staged.publish(named(key));
  await storage.stop();
}

async function versionOf(cache: ObjectCache, key: string): Promise<number> {
  return (await cache.stat(parseObjectKey(key))).version;
}

describe.each(BEYOND)("a file that claims version %i", (version) => {
  it("is damaged, and its key can be put again", async () => {
    const directory = ownDirectory();
    await claim(directory, KEY, version);
    const cache = await diskCache(directory);
    await expect(read(cache, KEY)).rejects.toEqual(refused("OBJECT_CORRUPT"));
    const first = await put(cache, KEY, "a");
    expect(await put(cache, KEY, "b")).toBe(first + 1);
    expect(await patch(cache, KEY, "c")).toBe(first + 2);
    expect(first).toBeLessThan(LIMITS.versionMax);
    const kept = fs.readdirSync(`${directory}/.quarantine/a/s`);
    expect(kept.filter((name) => !name.endsWith(REASON_ENDING))).toHaveLength(1);
  });

  it("does not stop others from being put and deleted", async () => {
    const directory = ownDirectory();
    await claim(directory, KEY, version);
    const cache = await diskCache(directory);
    expect(await keysOf(cache)).toEqual([]);
    await cache.delete({ scope: "application", applicationId: "a" });
    const first = await put(cache, "a/s/other", "x");
    await cache.delete({ scope: "application", applicationId: "a" });
    expect(await put(cache, "a/s/other", "x")).toBe(first + 1);
  });

  it("by its name among patches is no patch", async () => {
    const directory = ownDirectory();
    const before = await diskCache(directory);
    await put(before, KEY, "base");
    await patch(before, KEY, "patch");
    await before.stop();
    fs.writeFileSync(`${directory}/a/s/.o.v1/${version}.arrow`, "x");
    const cache = await diskCache(directory);
    expect(await read(cache, KEY)).toMatchObject({ version: 2, patches: ["patch"] });
    expect(await patch(cache, KEY, "next")).toBe(3);
  });
});

describe("a file that claims the highest version there is", () => {
  it("is served, takes no patch and is not replaced, and says why", async () => {
    const directory = ownDirectory();
    await claim(directory, KEY, LIMITS.versionMax);
    const cache = await diskCache(directory);
    expect(await versionOf(cache, KEY)).toBe(LIMITS.versionMax);
    await expect(put(cache, KEY, "x")).rejects.toEqual(refused("OBJECT_TOO_LARGE"));
    await expect(patch(cache, KEY, "x")).rejects.toEqual(refused("OBJECT_TOO_LARGE"));
    expect((await read(cache, KEY)).base).toBe("claimed");
    expect(fs.readdirSync(`${directory}/.staging`)).toEqual([]);
  });

  it("can be deleted; its version does not come again", async () => {
    const directory = ownDirectory();
    await claim(directory, KEY, LIMITS.versionMax);
    const cache = await diskCache(directory);
    expect(await cache.delete({ scope: "object", key: parseObjectKey(KEY) })).toBe(1);
    await expect(put(cache, KEY, "x")).rejects.toEqual(refused("OBJECT_TOO_LARGE"));
  });

  it("leaves room for the last version before it", async () => {
    const directory = ownDirectory();
    await claim(directory, KEY, LIMITS.versionMax - 1);
    const cache = await diskCache(directory);
    expect(await put(cache, KEY, "x")).toBe(LIMITS.versionMax);
    await expect(put(cache, KEY, "x")).rejects.toEqual(refused("OBJECT_TOO_LARGE"));
  });
});
