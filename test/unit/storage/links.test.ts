/**
 * Links in place of directories: what lies behind one is neither read nor written nor removed.
 */
import fs from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import type { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import type { StoredName } from "../../../src/storage/object-storage.ts";
import { namesIn } from "../../support/scanned-names.ts";
import {
  named,
  patchOf,
  publish,
  readWhole,
  scratchDirectory,
  startedDisk,
  tree,
} from "./scratch-directory.ts";

const OUTSIDE = ["s/", "s/.o.v1/", "s/.o.v1/2.arrow", "s/o.arrow", "s/o.arrows"];
const PARTS: readonly StoredName[] = [
  named("a/s/o"),
  named("a/s/o", { kind: "stream" }),
  patchOf("a/s/o", 1, 2),
];

let directory: string;
/** Somebody else's, with files that look like objects. */
let outside: string;
let storage: DiskStorage;
const clock = { nowMs: 0 };

beforeEach(async () => {
  directory = scratchDirectory();
  outside = scratchDirectory();
  fs.mkdirSync(`${outside}/s/.o.v1`, { recursive: true });
  for (const file of ["s/o.arrow", "s/o.arrows", "s/.o.v1/2.arrow"])
    fs.writeFileSync(`${outside}/${file}`, "precious");
  storage = await startedDisk({ directory, trustNowMs: () => clock.nowMs });
});

/** Where a link may stand; each leads to what would be the object. */
const PLACES = {
  application: () => fs.symlinkSync(outside, `${directory}/a`),
  session: () => {
    fs.mkdirSync(`${directory}/a`, { recursive: true });
    fs.symlinkSync(`${outside}/s`, `${directory}/a/s`);
  },
} as const;
type Place = keyof typeof PLACES;
const EACH = Object.keys(PLACES) as Place[];

async function scannedNames(engine: DiskStorage): Promise<StoredName[]> {
  const names: StoredName[] = [];
  for await (const found of engine.scan()) names.push(...namesIn(found));
  return names;
}

async function leaveAlone(): Promise<void> {
  const { key } = named("a/s/o");
  for (const name of PARTS) expect(await storage.remove(name)).toBe(false);
  await storage.removePatches(key, { only: 1 });
  await storage.removePatches(key, { allBut: undefined });
  for (const name of PARTS) await storage.quarantine(name, "test");
  for (const name of PARTS)
    await expect(publish(storage, name, Buffer.from("new"))).rejects.toMatchObject({ code: "STORAGE_IO" });
  expect(tree(outside)).toEqual(OUTSIDE);
  expect(fs.readFileSync(`${outside}/s/o.arrow`, "utf8")).toBe("precious");
  expect(fs.readdirSync(`${directory}/.staging`)).toEqual([]);
}

describe.each(EACH)("a link in place of the directory of an %s", (place) => {
  beforeEach(() => PLACES[place]());

  it("leads to no object", async () => {
    for (const name of PARTS) expect(await storage.open(name)).toBeUndefined();
    expect(await storage.locate(named("a/s/o"))).toBeUndefined();
    expect(await storage.listPatches(named("a/s/o").key, 1)).toEqual([]);
    expect(await storage.scanSession("a", "s")).toBeUndefined();
    expect(await scannedNames(storage)).toEqual([]);
  });

  it("has nothing removed, moved or written behind it: a DELETE removed files outside the storage directory", () =>
    leaveAlone());

  it("is not followed to make a directory", async () => {
    await expect(publish(storage, named("a/s/o"), Buffer.from("x"))).rejects.toMatchObject({
      facts: { path: "a/s" },
    });
    await publish(storage, named("b/new/o"), Buffer.from("x"));
    expect(tree(outside)).toEqual(OUTSIDE);
  });
});

describe.each(EACH)("a directory of an %s that a link replaces while the server runs", (place) => {
  beforeEach(async () => {
    await publish(storage, named("a/s/o"), Buffer.from("ours"));
    await storage.settle();
    expect(String(await readWhole(storage, named("a/s/o")))).toBe("ours");
    fs.rmSync(`${directory}/a`, { recursive: true });
    PLACES[place]();
  });

  it("has nothing removed behind it, from that moment on", async () => {
    for (const name of PARTS) expect(await storage.remove(name)).toBe(false);
    await storage.removePatches(named("a/s/o").key, { only: 1 });
    for (const name of PARTS) await storage.quarantine(name, "test");
    expect(tree(outside)).toEqual(OUTSIDE);
  });

  it("leads to no object, and takes none, once it was looked at again", async () => {
    clock.nowMs += LIMITS.directoryTrustMs;
    expect(await storage.open(named("a/s/o"))).toBeUndefined();
    expect(await storage.locate(named("a/s/o"))).toBeUndefined();
    await leaveAlone();
  });
});

it("a directory that was moved away and linked back is somebody else's from then on", async () => {
  await publish(storage, named("a/s/o"), Buffer.from("ours"));
  await storage.settle();
  fs.renameSync(`${directory}/a`, `${outside}/moved`);
  fs.symlinkSync(`${outside}/moved`, `${directory}/a`);
  expect(await storage.remove(named("a/s/o"))).toBe(false);
  expect(fs.readFileSync(`${outside}/moved/s/o.arrow`, "utf8")).toBe("ours");
});

it("a link in place of a directory that was missing takes nothing once it was looked at again", async () => {
  await publish(storage, named("a/s/o"), Buffer.from("ours"));
  fs.symlinkSync(outside, `${directory}/a`);
  await storage.settle();
  expect(tree(outside)).toEqual(OUTSIDE);
  clock.nowMs += LIMITS.directoryTrustMs;
  await expect(publish(storage, named("a/s/o"), Buffer.from("new"))).rejects.toMatchObject({
    facts: { path: "a/s" },
  });
  expect(tree(outside)).toEqual(OUTSIDE);
});

it("a link in place of a directory that was missing takes nothing once a list has seen it", async () => {
  await publish(storage, named("a/s/o"), Buffer.from("ours"));
  fs.symlinkSync(outside, `${directory}/a`);
  await storage.scanSession("a", "s");
  await expect(publish(storage, named("a/s/o"), Buffer.from("new"))).rejects.toMatchObject({
    facts: { path: "a/s" },
  });
});

it("a link in place of the patches of an object has nothing removed behind it", async () => {
  await publish(storage, named("a/s/o"), Buffer.from("ours"));
  await storage.settle();
  fs.symlinkSync(`${outside}/s/.o.v1`, `${directory}/a/s/.o.v1`);
  expect(await storage.listPatches(named("a/s/o").key, 1)).toEqual([]);
  await storage.removePatches(named("a/s/o").key, { only: 1 });
  await storage.removePatches(named("a/s/o").key, { allBut: undefined });
  expect(tree(outside)).toEqual(OUTSIDE);
});

it("a link in place of the deltas of an object leads to none, and has nothing removed behind it", async () => {
  await publish(storage, named("a/s/o"), Buffer.from("ours"));
  await storage.settle();
  fs.renameSync(`${outside}/s/.o.v1/2.arrow`, `${outside}/s/.o.v1/0.arrow`);
  fs.symlinkSync(`${outside}/s/.o.v1`, `${directory}/a/s/o.deltas`);
  const { key } = named("a/s/o");
  expect(await storage.listDeltas(key)).toEqual([]);
  expect(await storage.open({ key, part: { kind: "delta", place: 0 } })).toBeUndefined();
  await storage.removeDeltas(key);
  expect(fs.readFileSync(`${outside}/s/.o.v1/0.arrow`, "utf8")).toBe("precious");
});

it("a link below the quarantine is not followed: the damaged file stays in its place", async () => {
  await publish(storage, named("a/s/o"), Buffer.from("damaged"));
  fs.mkdirSync(`${directory}/.quarantine`);
  fs.symlinkSync(outside, `${directory}/.quarantine/a`);
  await storage.quarantine(named("a/s/o"), "test");
  expect(tree(outside)).toEqual(OUTSIDE);
  expect(String(await readWhole(storage, named("a/s/o")))).toBe("damaged");
});

it("a link below the records of sessions is not followed", async () => {
  await storage.stop();
  fs.mkdirSync(`${directory}/.facts`);
  fs.symlinkSync(outside, `${directory}/.facts/a`);
  const next = await startedDisk({ directory });
  expect(await scannedNames(next)).toEqual([]);
  expect(tree(outside)).toEqual(OUTSIDE);
});
