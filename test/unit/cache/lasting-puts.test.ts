/**
 * An object whose put failed after it was moved into place: there, whole, and known to nobody before it is read anew.
 */
import { expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import type { BeforeStep } from "../../../src/storage/disk/disk-steps.ts";
import { diskCache, ownDirectory, patch, put, read, refused } from "./cache-fixture.ts";

const KEY = "app/session/object";

/** Too large for the log: its directory is synced before the answer. */
const large = (text: string): string => text.repeat(LIMITS.logFileBytesMax);

async function failingCache() {
  let isFailing = false;
  const beforeStep: BeforeStep = (step) => {
    if (isFailing && step === "syncDirectory") {
      throw Object.assign(new Error("EIO: simulated"), { code: "EIO", syscall: "fsync" });
    }
  };
  const cache = await diskCache(ownDirectory(), beforeStep);
  const fail = () => {
    isFailing = true;
  };
  return { cache, fail };
}

it("a put whose directory cannot be synced is an error, and the object is the new one, whole", async () => {
  const { cache, fail } = await failingCache();
  await put(cache, KEY, large("first"), "power-loss");
  fail();
  await expect(put(cache, KEY, large("2"), "power-loss")).rejects.toEqual(refused("STORAGE_IO"));
  expect(await read(cache, KEY)).toEqual({ version: 2, base: large("2"), patches: [] });
  expect(await put(cache, KEY, "third")).toBe(3);
});

it("a patch whose directory cannot be synced is an error, and its version is not given to another", async () => {
  const { cache, fail } = await failingCache();
  await put(cache, KEY, "base", "power-loss");
  fail();
  await expect(patch(cache, KEY, large("+"), "power-loss")).rejects.toEqual(refused("STORAGE_IO"));
  expect(await patch(cache, KEY, "+3")).toBe(3);
  expect(await read(cache, KEY)).toEqual({ version: 3, base: "base", patches: [large("+"), "+3"] });
});
