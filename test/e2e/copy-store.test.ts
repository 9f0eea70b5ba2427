/**
 * The command `copy-store` over a real S3 store: directory to bucket and back, killed and continued,
 * beside running servers, and every way in which it cannot work.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { FlameCache } from "../../src/client/index.ts";
import { missingS3Store, ownPrefix, type S3TestStore, startS3Store } from "../support/s3-store.ts";
import { fillUp, smallDisk, smallDisks } from "../support/small-disk.ts";
import { type RunningCommand, startCommand } from "../support/start-command.ts";
import { startServer, type TestServer } from "../support/start-server.ts";
import { objectFiles } from "../support/store-copies.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const BUCKET = process.env.TEST_S3_BUCKET ?? "tests";
const OBJECTS = 100;
const missing = await missingS3Store();
const { here: disks } = smallDisks();

let store: S3TestStore;

function environment(): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: process.env.TEST_S3_ACCESS_KEY ?? "test",
    AWS_SECRET_ACCESS_KEY: process.env.TEST_S3_SECRET_KEY ?? "testtest",
    FLAME_CACHE_S3_ENDPOINT: store.endpoint,
  };
}

function ownBucket(): string {
  return `s3://${BUCKET}/${ownPrefix().replace(/\/$/, "")}`;
}

function ownDirectory(): string {
  const directory = temporaryDirectory("copy");
  onTestFinished(() => directory.remove());
  return directory.path;
}

function copyStore(from: string, to: string, ...more: string[]): RunningCommand {
  const home = ownDirectory();
  return startCommand(["copy-store", from, to, ...more], { directory: home, environment: environment() });
}

interface Copied {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function copied(from: string, to: string, ...more: string[]): Promise<Copied> {
  const command = copyStore(from, to, ...more);
  const code = await command.ended;
  return { code, out: command.stdout, err: command.stderr };
}

/** Works with a server over a store, and stops it. */
async function served<Result>(
  storage: string,
  work: (cache: FlameCache, server: TestServer) => Promise<Result>,
): Promise<Result> {
  const server = await startServer({ storage, environment: environment() });
  const cache = await FlameCache.connect({
    endpoint: server.endpoint,
    env: { FLAME_HOME: "/nonexistent", HOME: "/nonexistent" },
  });
  try {
    return await work(cache, server);
  } finally {
    await cache.close();
    await server.stop();
  }
}

async function fill(cache: FlameCache, objects = OBJECTS): Promise<void> {
  const puts = Array.from({ length: objects }, (_, number) => cache.put(`app/many/${number}`, { number }));
  await Promise.all(puts);
  await cache.put("app/large/1", Buffer.alloc(20 * 1024 * 1024, "large"));
  await cache.put("app/patched/1", [1]);
  for (let number = 0; number < 5; number += 1) await cache.patch("app/patched/1", [number]);
  await cache.put("app/ttl/1", "x", { ttlSeconds: 3600 });
}

/** A directory with objects; most tests read the same one. */
let directory: string;
let removeDirectory: () => void;

beforeAll(async () => {
  if (missing !== undefined) return;
  store = await startS3Store();
  const made = temporaryDirectory("copied");
  [directory, removeDirectory] = [made.path, made.remove];
  await served(directory, (cache) => fill(cache));
}, 120_000);

afterAll(async () => {
  removeDirectory?.();
  await store?.stop();
});

describe.skipIf(missing !== undefined)("copy-store", () => {
  it("moves a directory into a bucket and back, byte for byte", async () => {
    const bucket = ownBucket();
    expect(await copied(directory, bucket)).toEqual({
      code: 0,
      out: "",
      err: `copied ${OBJECTS + 3} objects to ${bucket}\n`,
    });
    await served(bucket, async (cache) => {
      expect(await cache.get("app/many/17")).toEqual({ number: 17 });
      expect(await cache.stat("app/patched/1")).toMatchObject({ ref: { version: 6 } });
      expect(
        Buffer.from(await cache.getBytes("app/large/1")).equals(Buffer.alloc(20 * 1024 * 1024, "large")),
      ).toBe(true);
      expect(await cache.update("app/many/17", "next")).toMatchObject({ version: 2 });
      expect(await cache.update("app/many/17", { number: 17 })).toMatchObject({ version: 3 });
    });
    const back = `${ownDirectory()}/objects`;
    expect(await copied(bucket, back)).toMatchObject({ code: 0 });
    const { "app/many/17.arrow": changed, ...others } = objectFiles(back);
    expect(changed).toBeDefined();
    expect(objectFiles(directory)).toMatchObject(others);
    expect(Object.keys(others)).toHaveLength(Object.keys(objectFiles(directory)).length - 1);
    await served(back, async (cache) => {
      expect(await cache.stat("app/many/17")).toMatchObject({ ref: { version: 3 } });
      expect((await cache.stat("app/ttl/1")).expiresAt?.getTime()).toBeGreaterThan(Date.now());
    });
  }, 120_000);

  it("that is killed goes on with the same command", async () => {
    const bucket = ownBucket();
    const killed = copyStore(directory, bucket);
    await manifestsIn(bucket, 10);
    killed.signal("SIGKILL");
    await killed.ended;
    const before = await manifestsIn(bucket, 10);
    const { code, out } = await copied(directory, bucket, "--json");
    const counts = JSON.parse(out) as { copied: number; same: number };
    expect(code).toBe(0);
    expect(counts.copied + counts.same).toBe(OBJECTS + 3);
    // Everything that was written before is there already.
    expect(counts.same).toBeGreaterThanOrEqual(before);
  }, 120_000);

  it("stops at Ctrl-C, and says what it has done", async () => {
    const bucket = ownBucket();
    const command = copyStore(directory, bucket);
    await manifestsIn(bucket, 1);
    command.signal("SIGINT");
    expect(await command.ended).toBe(130);
    expect(command.stderr).toMatch(/^copied \d+ objects?; the same command continues the copy\n/);
    expect(command.stderr).toMatch(/\[CANCELLED\] stopped by SIGINT\n$/);
  }, 60_000);

  it("reports a damaged file, copies the others and ends with 1", async () => {
    const damaged = ownDirectory();
    await served(damaged, (cache) => fill(cache, 5));
    const path = `${damaged}/app/large/1.arrow`;
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
    const to = ownDirectory();
    const { code, out, err } = await copied(damaged, to);
    expect(code).toBe(1);
    expect(out).toBe("app/large/1: [OBJECT_CORRUPT] the stored bytes do not match their checksum\n");
    expect(err).toBe(`copied 7 objects, 1 damaged to ${to}\n`);
  }, 60_000);

  it("refuses a directory that a server uses", async () => {
    await served(directory, async (_, server) => {
      const { code, err } = await copied(directory, ownDirectory());
      expect(code).toBe(78);
      expect(err).toContain(`is in use by process ${server.pid}`);
    });
  }, 60_000);

  it.each([
    ["a directory that is not there", "/nonexistent/objects", "is not a storage directory", 66],
    ["storage none", "none", "name a directory or a bucket", 64],
    ["a bucket that is not there", "s3://nowhere/p", "has no bucket nowhere", 78],
  ])("refuses %s", async (_, from, text, code) => {
    const result = await copied(from, `${ownDirectory()}/to`);
    expect([result.code, result.err]).toEqual([code, expect.stringContaining(text)]);
  });

  it("refuses a store inside the other one", async () => {
    const { code, err } = await copied(directory, `${directory}/inside`);
    expect([code, err]).toEqual([64, expect.stringContaining("one store lies inside the other")]);
  });

  it.skipIf(disks.length === 0)(
    "ends on a full disk, and goes on when there is space",
    async () => {
      const full = smallDisk(disks[0]!);
      const to = `${full}/objects`;
      fillUp(full, disks[0]!);
      const { code, err } = await copied(directory, to);
      expect([code, err]).toEqual([74, expect.stringContaining("[STORAGE_FULL]")]);
      rmSync(`${full}/ballast`, { recursive: true });
      expect((await copied(directory, to)).code).toBe(0);
      expect(objectFiles(to)).toEqual(objectFiles(directory));
    },
    120_000,
  );
});

/** Waits until the bucket has so many objects. */
async function manifestsIn(location: string, atLeast: number): Promise<number> {
  const prefix = `${location.slice(`s3://${BUCKET}/`.length)}/m/`;
  const bucket = store.bucket();
  for (;;) {
    let count = 0;
    for await (const page of bucket.list(prefix)) count += page.length;
    if (count >= atLeast) return count;
  }
}
