/**
 * A power loss while the directory still has the file of another program that an object replaced.
 */
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import { LIMITS } from "../../../src/limits.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { copyAncestor } from "../../support/ancestor-directory.ts";
import { encodeClientValue } from "../../support/client-file.ts";
import { ownDirectory, patch, put, read } from "./cache-fixture.ts";

/** A cache whose small files come to rest when a test says so, in a boot of its own. */
async function bootedCache(directory: string, clock = { nowMs: 0 }): Promise<IndexedCache> {
  const log = { restDelayMs: 3_600_000, bootId: randomBytes(16) };
  const cache = new IndexedCache(new DiskStorage({ directory, log, trustNowMs: () => clock.nowMs }));
  await cache.start();
  onTestFinished(() => cache.stop());
  return cache;
}

/** A cache over what the disk has of the directory, after the machine was started again. */
async function rebooted(directory: string): Promise<IndexedCache> {
  const copy = ownDirectory();
  cpSync(directory, copy, { recursive: true });
  return await bootedCache(copy);
}

function directoryWithClientFile(): string {
  const directory = ownDirectory();
  addClientFile(directory);
  return directory;
}

function addClientFile(directory: string): void {
  mkdirSync(`${directory}/app/session`, { recursive: true });
  writeFileSync(
    `${directory}/app/session/object.arrow`,
    encodeClientValue({ cells: [Buffer.from("the client's")] }),
  );
}

it("does not bring back a client's file that a put replaced", async () => {
  const directory = directoryWithClientFile();
  const cache = await bootedCache(directory);
  await put(cache, "app/session/object", "ours", "power-loss");
  expect(await read(await rebooted(directory), "app/session/object")).toMatchObject({ base: "ours" });
});

it.each(["app/session", "elsewhere"])(
  "does not bring back a client's file that was added between two puts beside %s",
  async (session) => {
    const directory = ownDirectory();
    mkdirSync(`${directory}/${session}`, { recursive: true });
    const clock = { nowMs: 0 };
    const cache = await bootedCache(directory, clock);
    await put(cache, "app/session/object", "first", "power-loss");
    addClientFile(directory);
    clock.nowMs = LIMITS.directoryTrustMs;
    await put(cache, "app/session/object", "second", "power-loss");
    expect(await read(await rebooted(directory), "app/session/object")).toMatchObject({ base: "second" });
  },
);

it("does not bring back a client's file under a put that a later patch made durable", async () => {
  const directory = directoryWithClientFile();
  const cache = await bootedCache(directory);
  await put(cache, "app/session/object", "ours");
  await patch(cache, "app/session/object", "more", "power-loss");
  const after = await rebooted(directory);
  expect(await read(after, "app/session/object")).toMatchObject({ base: "ours", patches: ["more"] });
});

it("keeps an object of the Rust cache that a patch brought into our form", async () => {
  const directory = ownDirectory();
  copyAncestor(directory);
  const cache = await bootedCache(directory);
  await patch(cache, "team/jobs/patched", "ours", "power-loss");
  const before = await read(cache, "team/jobs/patched");
  expect(before.patches.at(-1)).toBe("ours");
  expect(await read(await rebooted(directory), "team/jobs/patched")).toEqual(before);
});
