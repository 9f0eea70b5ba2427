/**
 * Lists of names while files come to rest: between the look at the directory and the look at the log.
 */
import fs from "node:fs";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import type { StoredName } from "../../../src/storage/object-storage.ts";
import { ownDirectory } from "../cache/cache-fixture.ts";
import { openDirectory } from "./watched-disk.ts";

const KEY = { applicationId: "app", sessionId: "session", objectId: "object" };
const PATCHES = [2, 3, 4];

afterEach(() => void vi.restoreAllMocks());

function patch(version: number): StoredName {
  return { key: KEY, part: { kind: "patch", baseVersion: 1, version } };
}

/** An engine with one patch in its directory and two in the log. */
async function engine(): Promise<DiskStorage> {
  const storage = new DiskStorage({ directory: ownDirectory(), log: { restDelayMs: 3_600_000 } });
  await storage.start();
  onTestFinished(() => storage.stop());
  for (const version of PATCHES) {
    const staged = storage.stage();
    await staged.append([Buffer.from("content")]);
    await staged.publish(patch(version));
    if (version === PATCHES[0]) await storage.settle();
  }
  return storage;
}

/** Does something when a directory was read, before its entries are returned. */
function whenRead(action: () => Promise<void>): void {
  const { opendir } = fs.promises;
  vi.spyOn(fs.promises, "opendir").mockImplementation(async (...given) => {
    const directory = await opendir(...given);
    const entries: fs.Dirent[] = [];
    for await (const entry of directory) entries.push(entry);
    await action();
    return openDirectory(entries);
  });
}

describe("files that come to rest while their directory is read", () => {
  it("are in the list of patches", async () => {
    const storage = await engine();
    whenRead(() => storage.settle());
    expect(await storage.listPatches(KEY, 1)).toEqual(PATCHES);
  });

  it("are in the session", async () => {
    const storage = await engine();
    whenRead(() => storage.settle());
    const found = await storage.scanSession("app", "session");
    expect(found?.names).toHaveLength(PATCHES.length);
  });
});

describe("a file that is removed, also from the directory, while the directory is read", () => {
  it("is in neither", async () => {
    const storage = await engine();
    whenRead(async () => {
      await storage.remove(patch(4));
      await storage.settle();
    });
    expect(await storage.listPatches(KEY, 1)).toEqual([2, 3]);
    expect((await storage.scanSession("app", "session"))?.names).toHaveLength(2);
  });
});
