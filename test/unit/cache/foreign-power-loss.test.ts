/**
 * A power loss while the directory still has the file of another program that an object replaced.
 */
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { copyAncestor } from "../../support/ancestor-directory.ts";
import { encodeClientValue } from "../../support/client-file.ts";
import { ownDirectory, patch, put, read } from "./cache-fixture.ts";

/** A cache whose small files come to rest when a test says so, in a boot of its own. */
async function bootedCache(directory: string): Promise<IndexedCache> {
  const log = { restDelayMs: 3_600_000, bootId: randomBytes(16) };
  const cache = new IndexedCache(new DiskStorage({ directory, log }));
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
  mkdirSync(`${directory}/app/session`, { recursive: true });
  writeFileSync(
    `${directory}/app/session/object.arrow`,
    encodeClientValue({ cells: [Buffer.from("the client's")] }),
  );
  return directory;
}

it("does not bring back a client's file that a put replaced", async () => {
  const directory = directoryWithClientFile();
  const cache = await bootedCache(directory);
  await put(cache, "app/session/object", "ours", "power-loss");
  expect(await read(await rebooted(directory), "app/session/object")).toMatchObject({ base: "ours" });
});

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
