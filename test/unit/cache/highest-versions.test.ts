/**
 * Versions near the end of what can be counted: a file that claims one breaks nothing, and no version comes twice.
 */
import fs from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import type { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import { LIMITS } from "../../../src/limits.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { OpaqueWriter } from "../../../src/object/opaque-writer.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { encodeClientFile } from "../../support/client-file.ts";
import { CLIENT_OPAQUE_SCHEMA, encodeOpaqueBatch } from "../../support/opaque-batch.ts";
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

/** A whole file of another program that gives itself any version. */
function giveItself(directory: string, path: string, version: number): void {
  const batch = encodeOpaqueBatch({ cells: [Buffer.from("found")] });
  batch.body.writeBigUInt64LE(BigInt(version), 0);
  fs.mkdirSync(`${directory}/${dirname(path)}`, { recursive: true });
  fs.writeFileSync(`${directory}/${path}`, encodeClientFile(CLIENT_OPAQUE_SCHEMA, [batch]));
}

async function versionOf(cache: IndexedCache, key: string): Promise<number> {
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
    const inQuarantine = fs.readdirSync(`${directory}/.quarantine/a/s`);
    expect(inQuarantine.filter((file) => !file.endsWith(".reason"))).toHaveLength(1);
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

describe("a file of another program that gives itself the highest version that it may", () => {
  const HIGHEST = LIMITS.foundVersionMax;

  it("is served under it, patched, replaced and deleted, and others are put after it", async () => {
    const directory = ownDirectory();
    giveItself(directory, "a/s/o.arrow", HIGHEST);
    const cache = await diskCache(directory);
    expect(await versionOf(cache, KEY)).toBe(HIGHEST);
    expect(await patch(cache, KEY, "patch")).toBe(HIGHEST + 1);
    expect(await put(cache, KEY, "x")).toBe(HIGHEST + 2);
    expect(await cache.delete({ scope: "object", key: parseObjectKey(KEY) })).toBe(1);
    expect(await put(cache, "a/s/other", "x")).toBe(HIGHEST + 3);
  });

  it("leaves room for the patches of that program that lie farthest behind it", async () => {
    const directory = ownDirectory();
    const places = Array.from({ length: 9 }, (_, place) => place);
    giveItself(directory, "a/s/o.arrow", HIGHEST);
    for (const place of places) giveItself(directory, `a/s/o.deltas/${place}.arrow`, 0);
    const cache = await diskCache(directory);
    expect(await versionOf(cache, KEY)).toBe(HIGHEST + places.length);
    expect(await patch(cache, KEY, "next")).toBe(HIGHEST + places.length + 1);
    const { patches } = await read(cache, KEY);
    expect(patches).toEqual([...places.map(() => "found"), "next"]);
  });

  it("has version 1 when it gives itself a higher one", async () => {
    const directory = ownDirectory();
    giveItself(directory, "a/s/o.arrow", HIGHEST + 1);
    expect(await versionOf(await diskCache(directory), KEY)).toBe(1);
  });
});

it("an object of ours at the highest version is not taken over with patches that would go beyond it", async () => {
  const directory = ownDirectory();
  await claim(directory, KEY, LIMITS.versionMax - 1);
  giveItself(directory, "a/s/o.deltas/0.arrow", LIMITS.foundVersionMax);
  const cache = await diskCache(directory);
  expect(await versionOf(cache, KEY)).toBe(LIMITS.versionMax - 1);
  expect(await patch(cache, KEY, "x")).toBe(LIMITS.versionMax);
  await expect(patch(cache, KEY, "x")).rejects.toEqual(refused("OBJECT_TOO_LARGE"));
});
