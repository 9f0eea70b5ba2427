/**
 * A data directory of the Rust cache: served as it is, and turned into our form object by object, by what is done to them.
 */
import fs from "node:fs";
import { describe, expect, it, vi } from "vitest";
import type { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import type { StoredObject } from "../../../src/object/stored-blocks.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import {
  ANCESTOR_TABLES,
  ANCESTOR_VALUES,
  ancestorFile,
  copyAncestor,
  digestsOf,
} from "../../support/ancestor-directory.ts";
import { readWhole, watchedLog } from "../storage/scratch-directory.ts";
import {
  diskCache,
  keysOf,
  ownDirectory,
  patch,
  put,
  putTable,
  read,
  refused,
  restart,
  settled,
} from "./cache-fixture.ts";

const KEYS = [...ANCESTOR_VALUES, ...ANCESTOR_TABLES].map(([key]) => key).sort();
const PATCHED = "team/jobs/patched";
const VALUE = new Map(ANCESTOR_VALUES);
const JOBS = "team/jobs";

async function ancestorCache(
  change: (directory: string) => void = () => {},
): Promise<[IndexedCache, string]> {
  const directory = ownDirectory();
  copyAncestor(directory);
  change(directory);
  return [await diskCache(directory), directory];
}

async function hexOf(object: StoredObject): Promise<string> {
  const parts: Buffer[] = [];
  for (const { position, sizeBytes } of object.dataRanges)
    parts.push(await object.source.read(position, sizeBytes));
  return Buffer.concat(parts).toString("hex");
}

/** Version and stored bytes of base and patches. */
async function rowsOf(cache: IndexedCache, key: string): Promise<[number, string][]> {
  const { reading, base } = await cache.open(parseObjectKey(key), () => true);
  const rows: [number, string][] = [[reading.baseVersion, await hexOf(base!)]];
  for (const version of reading.patchesAfter(reading.baseVersion))
    await reading.withPatch(version, async (each) => void rows.push([version, await hexOf(each)]));
  reading.close();
  return rows;
}

function stored(key: string): [number, string][] {
  return VALUE.get(key)!.map(([version, , hex]) => [version, hex]);
}

/** As a value of ours is stored. */
function plain(text: string): string {
  return Buffer.from(text).toString("hex");
}

function copy(directory: string, from: string, to: string): void {
  fs.cpSync(ancestorFile(from), `${directory}/${to}`);
}

describe("a directory of the Rust cache", () => {
  it("is served whole, by calls and by the list, before and after a restart, and no file of it is changed", async () => {
    const [first, directory] = await ancestorCache();
    const before = digestsOf(directory);
    let cache = first;
    for (const _ of ["first", "again"]) {
      expect(await keysOf(cache)).toEqual(KEYS);
      for (const [key, rows] of ANCESTOR_VALUES) {
        expect([key, await rowsOf(cache, key)]).toEqual([key, stored(key)]);
        expect((await cache.stat(parseObjectKey(key))).version).toBe(rows.at(-1)![0]);
      }
      for (const [key, table] of ANCESTOR_TABLES) {
        const { version, baseVersion, rowCount, kind } = await cache.stat(parseObjectKey(key));
        const facts = {
          version: table.version,
          baseVersion: table.base,
          rowCount: table.n.length,
          kind: "table",
        };
        expect([key, { version, baseVersion, rowCount, kind }]).toEqual([key, facts]);
      }
      cache = await restart(cache, directory);
    }
    expect(digestsOf(directory)).toEqual(before);
    expect(fs.existsSync(`${directory}/.quarantine`)).toBe(false);
    expect(await put(cache, `${JOBS}/new`, "no version was lost")).toBe(1);
  });

  it("has its objects found by a call before the scan has seen them", async () => {
    const [cache] = await ancestorCache();
    const found = await Promise.all(ANCESTOR_VALUES.map(([key]) => rowsOf(cache, key)));
    expect(found).toEqual(ANCESTOR_VALUES.map(([key]) => stored(key)));
  });

  it("says once which leftovers of a crash it ignores", async () => {
    const log = watchedLog();
    const [cache] = await ancestorCache();
    await keysOf(cache);
    await rowsOf(cache, "team/jobs/leftovers");
    const lines = log().filter(({ text }) => String(text).startsWith("leftover patches"));
    expect(lines.map(({ key, places }) => `${key} ${places}`).sort()).toEqual([
      "team/jobs/leftovers 0,1",
      "team/jobs/mixed 0",
    ]);
  });

  it("is recorded with a session whose own objects are many, and read again after a restart", async () => {
    const directory = ownDirectory();
    copyAncestor(directory);
    const filling = new DiskStorage({ directory });
    await filling.start();
    await filling.stop();
    let cache = await diskCache(directory);
    for (let object = 0; object < 40; object += 1) await put(cache, `${JOBS}/own${object}`, "x");
    cache = await restart(cache, directory);
    expect(await keysOf(cache)).toHaveLength(KEYS.length + 40);
    for (const [key] of ANCESTOR_VALUES) expect(await rowsOf(cache, key)).toEqual(stored(key));
  });
});

describe("a patch of such an object", () => {
  it.each(ANCESTOR_VALUES.filter(([key]) => key !== "team/jobs/mixed"))(
    "%s counts on, and the object is in our form from then on",
    async (key, rows) => {
      const [first, directory] = await ancestorCache();
      const version = rows.at(-1)![0] + 1;
      expect(await patch(first, key, "ours")).toBe(version);
      let cache = first;
      for (const _ of ["first", "again"]) {
        expect(await rowsOf(cache, key)).toEqual([...stored(key), [version, plain("ours")]]);
        cache = await restart(cache, directory);
      }
      expect(fs.existsSync(`${directory}/${key}.deltas`)).toBe(false);
      const base = await readWhole(await openedStorage(cache, directory), {
        key: parseObjectKey(key),
        part: { kind: "file" },
      });
      expect(base!.includes("FLAMEOBJ")).toBe(true);
    },
  );

  it("gets base and patches new versions where the other program left some out: no client holds them", async () => {
    const [first, directory] = await ancestorCache();
    const key = "team/jobs/mixed";
    const [base, delta] = stored(key).map(([, hex]) => hex);
    expect(await patch(first, key, "ours")).toBe(9);
    const rows = [
      [7, base],
      [8, delta],
      [9, plain("ours")],
    ];
    expect(await rowsOf(first, key)).toEqual(rows);
    expect(await rowsOf(await restart(first, directory), key)).toEqual(rows);
    expect(fs.readdirSync(`${directory}/${JOBS}`).filter((name) => name.includes("mixed"))).toEqual([
      ".mixed.v7",
      "mixed.arrow",
    ]);
  });

  it("leaves to a get that is under way what it came for", async () => {
    const [cache, directory] = await ancestorCache();
    const { reading, base } = await cache.open(parseObjectKey(PATCHED), () => true);
    await patch(cache, PATCHED, "ours");
    expect(await hexOf(base!)).toBe(stored(PATCHED)[0]![1]);
    const seen: string[] = [];
    for (const version of reading.patchesAfter(3))
      await reading.withPatch(version, async (each) => void seen.push(await hexOf(each)));
    expect(seen).toEqual(
      stored(PATCHED)
        .slice(1)
        .map(([, hex]) => hex),
    );
    reading.close();
    await vi.waitFor(() => expect(fs.existsSync(`${directory}/${PATCHED}.deltas`)).toBe(false));
  });

  it("keeps the time the object has to live", async () => {
    const [first, directory] = await ancestorCache();
    const key = parseObjectKey(PATCHED);
    await first.retaining.expire({ scope: "object", key }, 3_600_000);
    const before = first.retaining.lifetimeOf(await first.stat(key));
    await patch(first, PATCHED, "ours");
    expect(first.retaining.lifetimeOf(await first.stat(key))).toEqual(before);
    const after = await restart(first, directory);
    expect(after.retaining.lifetimeOf(await after.stat(key))).toEqual(before);
  });
});

describe("a put over such an object", () => {
  it("counts on and takes its patches away", async () => {
    const [first, directory] = await ancestorCache();
    expect(await put(first, PATCHED, "new")).toBe(7);
    expect(fs.existsSync(`${directory}/${PATCHED}.deltas`)).toBe(false);
    expect((await read(await restart(first, directory), PATCHED)).base).toBe("new");
  });

  it("is not joined to older patches that say no version, when it was killed before it took them away", async () => {
    const [first, directory] = await ancestorCache();
    await put(first, "team/jobs/zeros", "new");
    await first.stop();
    fs.cpSync(ancestorFile("team/jobs/zeros.deltas"), `${directory}/team/jobs/zeros.deltas`, {
      recursive: true,
    });
    fs.cpSync(
      ancestorFile("team/jobs/patched.deltas/1.arrow"),
      `${directory}/team/jobs/zeros.deltas/2.arrow`,
    );
    expect(await rowsOf(await diskCache(directory), "team/jobs/zeros")).toEqual([[5, plain("new")]]);
  });

  it("may be a stream, which takes its place", async () => {
    const [first, directory] = await ancestorCache();
    expect(await putTable(first, PATCHED, "replaced")).toBe(7);
    await settled(first);
    expect(fs.readdirSync(`${directory}/${JOBS}`).filter((name) => name.startsWith("patched"))).toEqual([
      "patched.arrows",
    ]);
  });
});

describe("a delete of such an object", () => {
  it.each([
    ["object", { scope: "object", key: parseObjectKey(PATCHED) }, 1],
    ["session", { scope: "session", applicationId: "team", sessionId: "jobs" }, ANCESTOR_VALUES.length],
    ["application", { scope: "application", applicationId: "team" }, KEYS.length],
  ] as const)(
    "by its %s leaves nothing of it, and its versions do not come again",
    async (_, pattern, count) => {
      const [cache, directory] = await ancestorCache();
      expect(await cache.delete(pattern)).toBe(count);
      await settled(cache);
      expect(fs.existsSync(`${directory}/${PATCHED}.arrow`)).toBe(false);
      expect(fs.existsSync(`${directory}/${PATCHED}.deltas`)).toBe(false);
      await expect(rowsOf(cache, PATCHED)).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
      expect(await put(cache, PATCHED, "again")).toBeGreaterThan(6);
    },
  );

  it("that was killed behind the base is completed by the next one", async () => {
    const [cache, directory] = await ancestorCache((path) => fs.rmSync(`${path}/${PATCHED}.arrow`));
    expect(await keysOf(cache)).not.toContain(PATCHED);
    expect(fs.existsSync(`${directory}/${PATCHED}.deltas`)).toBe(true);
    expect(await cache.delete({ scope: "session", applicationId: "team", sessionId: "jobs" })).toBe(
      ANCESTOR_VALUES.length - 1,
    );
    await settled(cache);
    expect(fs.existsSync(`${directory}/team/jobs`)).toBe(false);
  });
});

describe("deltas that are amiss", () => {
  const CORRUPT = refused("OBJECT_CORRUPT");

  it.each<[string, (directory: string) => void]>([
    ["is missing between others", (path) => fs.rmSync(`${path}/${PATCHED}.deltas/1.arrow`)],
    ["cannot be read", (path) => fs.writeFileSync(`${path}/${PATCHED}.deltas/1.arrow`, "not an Arrow file")],
    [
      "is not whole, with others behind it",
      (path) => fs.truncateSync(`${path}/${PATCHED}.deltas/1.arrow`, 500),
    ],
    ["is a table's", (path) => copy(path, "team/tables/table.deltas/0.arrow", `${PATCHED}.deltas/3.arrow`)],
    ["is there twice", (path) => copy(path, `${PATCHED}.deltas/2.arrow`, `${PATCHED}.deltas/3.arrow`)],
  ])("make the object an error when one %s, and stay where they are", async (_, change) => {
    const [cache, directory] = await ancestorCache(change);
    const before = digestsOf(directory);
    await expect(rowsOf(cache, PATCHED)).rejects.toThrow(CORRUPT);
    await expect(patch(cache, PATCHED, "x")).rejects.toThrow(CORRUPT);
    expect(await keysOf(cache)).toEqual(KEYS.filter((key) => key !== PATCHED));
    expect(digestsOf(directory)).toEqual(before);
    expect(await put(cache, PATCHED, "whole")).toBeGreaterThan(5);
    expect(await rowsOf(cache, PATCHED)).toHaveLength(1);
    expect(fs.existsSync(`${directory}/${PATCHED}.deltas`)).toBe(false);
  });

  it("do not count when the last one is half written: nobody was told of it", async () => {
    const [cache] = await ancestorCache((path) => fs.truncateSync(`${path}/${PATCHED}.deltas/2.arrow`, 500));
    expect(await rowsOf(cache, PATCHED)).toEqual(stored(PATCHED).slice(0, 3));
    expect(await patch(cache, PATCHED, "ours")).toBe(6);
    expect(await rowsOf(cache, PATCHED)).toEqual([...stored(PATCHED).slice(0, 3), [6, plain("ours")]]);
  });

  it("are passed over when their directory is a link, and so is what it leads to", async () => {
    const elsewhere = ownDirectory();
    const [cache, directory] = await ancestorCache((path) => {
      fs.renameSync(`${path}/${PATCHED}.deltas`, `${elsewhere}/deltas`);
      fs.symlinkSync(`${elsewhere}/deltas`, `${path}/${PATCHED}.deltas`);
    });
    expect(await rowsOf(cache, PATCHED)).toEqual(stored(PATCHED).slice(0, 1));
    await cache.delete({ scope: "application", applicationId: "team" });
    await settled(cache);
    expect(fs.readdirSync(`${elsewhere}/deltas`)).toHaveLength(3);
    expect(fs.existsSync(`${directory}/${PATCHED}.arrow`)).toBe(false);
  });
});

describe("an object that went to our form, back, and forth again", () => {
  it("keeps what the Rust cache appended to a base of ours", async () => {
    const [first, directory] = await ancestorCache();
    const key = "team/jobs/own";
    for (const value of ["1", "2", "3"]) await put(first, key, value);
    await first.stop();
    // That cache has read version 3 in the row's cell.
    fs.cpSync(ancestorFile("team/jobs/patched.deltas"), `${directory}/${key}.deltas`, { recursive: true });
    const cache = await diskCache(directory);
    const appended = stored(PATCHED).slice(1);
    expect(await rowsOf(cache, key)).toEqual([[3, plain("3")], ...appended]);
    expect(await patch(cache, key, "ours")).toBe(11);
    const rows = [
      [7, plain("3")],
      ...appended.map(([, hex], index) => [8 + index, hex]),
      [11, plain("ours")],
    ];
    expect(await rowsOf(cache, key)).toEqual(rows);
    expect(await rowsOf(await restart(cache, directory), key)).toEqual(rows);
    expect(fs.existsSync(`${directory}/${key}.deltas`)).toBe(false);
  });

  it("ignores what was appended without knowing of patches of ours, and leaves it there", async () => {
    const [first, directory] = await ancestorCache();
    const key = "team/jobs/own";
    for (const value of ["1", "2", "3"]) await put(first, key, value);
    for (const value of ["a", "b", "c", "d"]) await patch(first, key, value);
    await first.stop();
    fs.cpSync(ancestorFile("team/jobs/patched.deltas"), `${directory}/${key}.deltas`, { recursive: true });
    const cache = await diskCache(directory);
    expect((await read(cache, key)).patches).toEqual(["a", "b", "c", "d"]);
    expect(await patch(cache, key, "e")).toBe(8);
    expect(fs.readdirSync(`${directory}/${key}.deltas`)).toHaveLength(3);
  });
});

/** What lies under the cache's directory, once it is stopped. */
async function openedStorage(cache: IndexedCache, directory: string): Promise<DiskStorage> {
  await cache.stop();
  return new DiskStorage({ directory });
}
