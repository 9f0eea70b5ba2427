/**
 * Lists and scans while files are in the log: they show what is in the log and in the directory, each once.
 */
import fs from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import { DiskPace } from "../../../../src/storage/disk/disk-pace.ts";
import { DiskSteps } from "../../../../src/storage/disk/disk-steps.ts";
import type { DiskStorage } from "../../../../src/storage/disk/disk-storage.ts";
import { filePath } from "../../../../src/storage/disk/file-names.ts";
import { DiskLog } from "../../../../src/storage/disk/log/disk-log.ts";
import { LogSegment, type Recent } from "../../../../src/storage/disk/log/log-segment.ts";
import { RecentNames } from "../../../../src/storage/disk/log/recent-names.ts";
import { newSegmentHead } from "../../../../src/storage/disk/log/segment-head.ts";
import type { ScannedObjects, StoredName } from "../../../../src/storage/object-storage.ts";
import { NO_FACTS } from "../../../../src/storage/scanned-facts.ts";
import { factsIn, valueFile } from "../recorded-files.ts";
import { named, patchOf, publish, startedDisk } from "../scratch-directory.ts";
import { copyOf, loggingDisk } from "../watched-disk.ts";

/** Behind all records. */
const END = { number: 1000, position: 0 };

let storage: DiskStorage;
let directory: string;

/** Each in the state that its name says. */
const NAMES = ["logged", "rested", "replaced", "removed", "removed-late"] as const;

beforeEach(async () => {
  ({ storage, directory } = await loggingDisk());
  for (const id of NAMES.slice(1)) await put(id, 1);
  await storage.settle();
  await storage.remove(named("a/s/removed"));
  await storage.settle();
  await storage.remove(named("a/s/removed-late"));
  await put("replaced", 2);
  await put("logged", 3);
});

async function put(id: string, version: number): Promise<void> {
  await publish(storage, named(`a/s/${id}`), await valueFile(id, version));
}

async function scanned(engine: DiskStorage = storage): Promise<ScannedObjects[]> {
  const found: ScannedObjects[] = [];
  for await (const objects of engine.scan()) found.push(objects);
  return found.filter(({ applicationId }) => applicationId === "a");
}

function textsOf(names: Iterable<StoredName>): string[] {
  return [...names].map(filePath).sort();
}

const THERE = ["a/s/logged.arrow", "a/s/replaced.arrow", "a/s/rested.arrow"];

describe("the objects of a session", () => {
  it("are those in the log and in the directory, each once, without what is removed", async () => {
    expect(textsOf((await storage.scanSession("a", "s"))!.names)).toEqual(THERE);
  });

  it("are found by a scan, with their facts where the log has them", async () => {
    const found = await scanned();
    const facts = factsIn(found);
    expect([...facts.keys()].sort()).toEqual(["logged", "replaced", "rested"]);
    expect(facts.get("logged")).toMatchObject({ version: 3, dataBytes: "logged".length, form: "file" });
    expect(facts.get("rested")).toMatchObject({ version: 1 });
  });

  it("that are in the directory with an older content need a closer look behind their facts", async () => {
    const found = (await scanned()).filter((each) => factsIn([each]).has("replaced"));
    expect(found.map((each) => factsIn([each]).get("replaced")?.version)).toEqual([2, undefined]);
  });

  it("are the same after a kill", async () => {
    const next = await startedDisk({ directory: copyOf(directory) });
    expect(textsOf((await next.scanSession("a", "s"))!.names)).toEqual(THERE);
    expect([...factsIn(await scanned(next)).keys()].sort()).toEqual(["logged", "replaced", "rested"]);
  });

  it("of which a scan read the name before it was removed are left out, also behind its rest", () => {
    const log = new DiskLog("/nowhere", new DiskSteps(new DiskPace()));
    const segment = new LogSegment(
      { path: "1", fd: -1, sizeBytes: 0 },
      { head: newSegmentHead(1, Buffer.alloc(16), 0), place: 0 },
    );
    const place = { segment, position: 64, contentStart: 64, contentBytes: 0, atMs: 0, isRested: false };
    const recent: Recent = { path: "a/s/o.arrow", kind: "gone", ...place };
    const read = { applicationId: "a", sessionId: "s", facts: NO_FACTS, names: [named("a/s/o")], seenAt: 0 };
    const recentNames = new RecentNames(log, "/nowhere");
    const endScan = log.recents.beginScan();
    log.recents.add(recent);
    log.recents.rested(recent);
    log.recents.beginNote(END)();
    expect(recentNames.changed(read)).toBeUndefined();
    expect(recentNames.changed({ ...read, names: [named("a/s/p")] })?.names).toEqual([named("a/s/p")]);
    endScan();
    expect(recentNames.changed(read)).toBe(read);
  });

  it("are scanned a batch at a time, however many are in the log", async () => {
    const full = await loggingDisk({ log: { segmentBytes: 8 * 1024 * 1024 } });
    const bytes = await valueFile("x");
    const objects = LIMITS.scanBatchObjects + 1;
    await Promise.all(
      Array.from({ length: objects }, (_, i) => publish(full.storage, named(`a/s/${i}`), bytes)),
    );
    const batches = (await scanned(full.storage)).map(({ facts }) => facts.objectIds.length);
    expect(batches).toEqual([LIMITS.scanBatchObjects, 1]);
  });
});

describe("the sessions of an application", () => {
  it("are those with files in the log or in the directory", async () => {
    await publish(storage, named("a/only-logged/o"), Buffer.from("x"));
    await publish(storage, patchOf("a/only-patch/o", 1, 2), Buffer.from("x"));
    await publish(storage, named("b/other/o"), Buffer.from("x"));
    expect((await storage.listSessions("a")).sort()).toEqual(["only-logged", "only-patch", "s"]);
  });

  it("are none of which all files are removed, before and behind their rest", async () => {
    for (const id of NAMES) await storage.remove(named(`a/s/${id}`));
    expect(fs.existsSync(`${directory}/a/s`)).toBe(true);
    expect(await storage.listSessions("a")).toEqual([]);
    expect(await storage.scanSession("a", "s")).toBeUndefined();
    expect(await scanned()).toEqual([]);
    await storage.settle();
    expect(fs.existsSync(`${directory}/a`)).toBe(false);
    expect(await storage.listSessions("a")).toEqual([]);
  });
});

describe("the patches of an object", () => {
  const { key } = named("a/s/logged");

  beforeEach(async () => {
    for (const version of [4, 5]) await publish(storage, patchOf("a/s/logged", 3, version), Buffer.from("x"));
    await storage.settle();
    await storage.remove(patchOf("a/s/logged", 3, 4));
    await publish(storage, patchOf("a/s/logged", 3, 12), Buffer.from("x"));
    await publish(storage, patchOf("a/s/logged", 2, 9), Buffer.from("x"));
    await publish(storage, patchOf("a/s/logged-too", 3, 7), Buffer.from("x"));
  });

  it("are those in the log and in the directory, by number, without those that are removed", async () => {
    expect(await storage.listPatches(key, 3)).toEqual([5, 12]);
    expect(await storage.listPatches(key, 2)).toEqual([9]);
    expect(await storage.listPatches(key, 1)).toEqual([]);
  });

  it("are removed together, of one base, wherever they are", async () => {
    await storage.removePatches(key, { only: 3 });
    expect(await storage.listPatches(key, 3)).toEqual([]);
    expect(await storage.listPatches(key, 2)).toEqual([9]);
    await storage.settle();
    expect(fs.existsSync(`${directory}/a/s/.logged.v3`)).toBe(false);
  });

  it("are removed together, of all bases but one, wherever they are", async () => {
    await storage.removePatches(key, { allBut: 3 });
    expect(await storage.listPatches(key, 2)).toEqual([]);
    expect(await storage.listPatches(key, 3)).toEqual([5, 12]);
    await storage.removePatches(key, { allBut: undefined });
    expect(await storage.listPatches(key, 3)).toEqual([]);
    expect(await storage.listPatches(named("a/s/logged-too").key, 3)).toEqual([7]);
  });
});
