/**
 * `verify` and `inspect` of a storage directory whose log has objects that the directory lacks.
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import { inspect } from "../../../src/command/inspect.ts";
import { verify } from "../../../src/command/verify.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { ownDirectory, patch, put } from "../cache/cache-fixture.ts";
import { watchedLog } from "../storage/scratch-directory.ts";
import { Written } from "./object-files.ts";

/** A cache whose small objects stay in the log until a test brings them to rest. */
async function loggingCache() {
  const directory = ownDirectory();
  const storage = new DiskStorage({ directory, log: { restDelayMs: 3_600_000 } });
  const cache = new IndexedCache(storage);
  await cache.start();
  onTestFinished(() => cache.stop());
  return { cache, storage, directory };
}

/** What is on the disk, as after a kill. */
function copyOf(directory: string): string {
  const copy = ownDirectory();
  cpSync(directory, copy, { recursive: true });
  return copy;
}

async function filled() {
  const { cache, storage, directory } = await loggingCache();
  await put(cache, "app/s/rested", "in the directory");
  await put(cache, "app/s/gone", "removed");
  await storage.settle();
  await put(cache, "app/s/o", "base");
  await patch(cache, "app/s/o", "patch");
  await cache.delete({ scope: "object", key: parseObjectKey("app/s/gone") });
  return { cache, storage, directory };
}

/** Runs a command. @returns its outcome and its output. */
async function run(command: typeof verify, path: string) {
  const written = new Written();
  const outcome = await command(path, written);
  return { outcome, out: written.out, err: written.err };
}

describe.each([
  ["beside a server", (directory: string) => directory],
  ["after a kill", copyOf],
])("%s", (_, seen) => {
  it("verify reads objects that only the log has, and counts no removed file", async () => {
    const directory = seen((await filled()).directory);
    expect(existsSync(`${directory}/app/s/o.arrow`)).toBe(false);
    expect(await run(verify, directory)).toEqual({
      outcome: "ok",
      out: "",
      err: "3 files (2 only in the log), 0 damaged or incomplete\n",
    });
  });

  it("inspect of the directory lists the objects that only the log has", async () => {
    const directory = seen((await filled()).directory);
    const { outcome, out, err } = await run(inspect, directory);
    expect(outcome).toBe("ok");
    expect(out).toMatch(
      /^app\/s\/\.o\.v1\/2\.arrow: only in the log, \d+ bytes\napp\/s\/o\.arrow: only in the log, \d+ bytes\n$/,
    );
    expect(err).toBe("2 files only in the log; `verify` reads every object file\n");
  });

  it("inspect of a file shows an object or a patch that only the log has, and says so", async () => {
    const directory = seen((await filled()).directory);
    for (const [file, version] of [
      ["o.arrow", 1],
      [".o.v1/2.arrow", 2],
    ] as const) {
      const { outcome, out } = await run(inspect, `${directory}/app/s/${file}`);
      expect(outcome).toBe("ok");
      expect(out).toMatch(/^log {7}only the log has this object: its file is written soon, /);
      expect(out).toContain(`kind      opaque\nversion   ${version}\n`);
    }
  });

  it("inspect of a removed file says that it is removed, and of another one shows it", async () => {
    const directory = seen((await filled()).directory);
    const { outcome, err } = await run(inspect, `${directory}/app/s/gone.arrow`);
    expect([outcome, err]).toEqual([
      "noInput",
      `${directory}/app/s/gone.arrow: is removed: the log says so\n`,
    ]);
    expect((await run(inspect, `${directory}/app/s/rested.arrow`)).out).toMatch(/^kind {6}opaque\n/);
  });
});

describe("a log", () => {
  it("that has a damaged object makes verify name it", async () => {
    const { storage, directory } = await loggingCache();
    const staged = storage.stage();
    await staged.append([Buffer.from("not an object")]);
    await staged.publish({ key: parseObjectKey("app/s/o"), part: { kind: "file" } });
    const { outcome, out, err } = await run(verify, directory);
    expect(outcome).toBe("damaged");
    expect(out).toMatch(/^app\/s\/o\.arrow \(in the log\): \[OBJECT_CORRUPT\]/);
    expect(err).toBe("1 files (1 only in the log), 1 damaged or incomplete\n");
  });

  it("that has a segment that cannot be read makes verify name it", async () => {
    const directory = copyOf((await filled()).directory);
    rmSync(`${directory}/.log/1`);
    symlinkSync("/dev/null", `${directory}/.log/1`);
    const { outcome, out } = await run(verify, directory);
    expect([outcome, out]).toEqual(["damaged", ".log/1: it cannot be read\n"]);
  });

  it("of which the directory has all is not mentioned", async () => {
    const { storage, directory } = await filled();
    await storage.settle();
    await vi.waitFor(async () =>
      expect((await run(verify, directory)).err).toBe("3 files, 0 damaged or incomplete\n"),
    );
    expect((await run(inspect, directory)).err).toMatch(/^0 files only in the log/);
  });

  it("leaves the damage of a rested file to the file", async () => {
    const { storage, directory } = await filled();
    await storage.settle();
    const file = `${directory}/app/s/rested.arrow`;
    const bytes = readFileSync(file);
    bytes[bytes.length - 100]! ^= 1;
    writeFileSync(file, bytes);
    const { outcome, out } = await run(verify, directory);
    expect([outcome, out.split(":")[0]]).toEqual(["damaged", "app/s/rested.arrow"]);
  });
});

it("verify changes nothing, also where a start would note that a file is newer than the log", async () => {
  const directory = ownDirectory();
  const log = { restDelayMs: 3_600_000, bootId: Buffer.alloc(16, 1) };
  const storage = new DiskStorage({ directory, log });
  const cache = new IndexedCache(storage);
  await cache.start();
  onTestFinished(() => cache.stop());
  await put(cache, "app/s/o", "older");
  await storage.settle();
  const copy = copyOf(directory);
  await put(cache, "app/s/o", "newer");
  await storage.settle();
  cpSync(`${directory}/app/s/o.arrow`, `${copy}/app/s/o.arrow`);
  const contentOf = (slot: string): string => readFileSync(`${copy}/.log/${slot}`, "latin1");
  const before = readdirSync(`${copy}/.log`).map((slot) => [slot, contentOf(slot)]);
  const said = watchedLog();
  expect(await run(verify, copy)).toEqual({
    outcome: "ok",
    out: "",
    err: "1 files, 0 damaged or incomplete\n",
  });
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(said().filter(({ level }) => level === "error")).toEqual([]);
  expect(readdirSync(`${copy}/.log`).map((slot) => [slot, contentOf(slot)])).toEqual(before);
});
