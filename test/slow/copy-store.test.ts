/**
 * `copy-store` of 10,000 objects to a real store and back, in a heap that holds a few of them.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { IndexedCache } from "../../src/cache/indexed-cache.ts";
import { DiskStorage } from "../../src/storage/disk/disk-storage.ts";
import { missingS3Store, ownPrefix, type S3TestStore, startS3Store } from "../support/s3-store.ts";
import { startCommand } from "../support/start-command.ts";
import { objectFiles } from "../support/store-copies.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { patch, put } from "../unit/cache/cache-fixture.ts";

const OBJECTS = 10_000;
/** The objects have 120 MB. */
const VALUE = Buffer.alloc(12_000, "v");
const HEAP_MIB = 64;

const missing = await missingS3Store();

describe.skipIf(missing !== undefined)("a copy of 10,000 objects", () => {
  let store: S3TestStore;
  const directory = temporaryDirectory("many");
  const back = temporaryDirectory("back");
  const bucket = `s3://${process.env.TEST_S3_BUCKET ?? "tests"}/${ownPrefix().replace(/\/$/, "")}`;

  beforeAll(async () => {
    store = await startS3Store();
    const cache = new IndexedCache(new DiskStorage({ directory: directory.path }));
    await cache.start();
    for (let number = 0; number < OBJECTS; number += 1)
      await put(cache, `app/s${number % 7}/${number}`, VALUE);
    for (let number = 0; number < 500; number += 1) await patch(cache, "app/s0/0", `+${number}`);
    await cache.stop();
  });
  afterAll(async () => {
    await store.stop();
    directory.remove();
    back.remove();
  });

  async function copied(from: string, to: string): Promise<unknown> {
    const command = startCommand(["copy-store", from, to, "--json"], {
      directory: back.path,
      environment: {
        AWS_ACCESS_KEY_ID: process.env.TEST_S3_ACCESS_KEY ?? "test",
        AWS_SECRET_ACCESS_KEY: process.env.TEST_S3_SECRET_KEY ?? "testtest",
        FLAME_CACHE_S3_ENDPOINT: store.endpoint,
        NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}`,
      },
    });
    expect([await command.ended, command.stderr]).toEqual([0, ""]);
    return JSON.parse(command.stdout);
  }

  it("needs a small heap in both directions, and returns the same files", async () => {
    const target = `${back.path}/objects`;
    expect(await copied(directory.path, bucket)).toMatchObject({ copied: OBJECTS, damaged: 0 });
    expect(await copied(directory.path, bucket)).toMatchObject({ copied: 0, same: OBJECTS });
    expect(await copied(bucket, target)).toMatchObject({ copied: OBJECTS });
    expect(objectFiles(target)).toEqual(objectFiles(directory.path));
  });
});
