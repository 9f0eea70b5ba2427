/**
 * The bucket against a real store (test/support/s3-store.ts): conditions, ranges, uploads, lists, removals, and its checks.
 */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ListedKey } from "../../src/s3/bucket.ts";
import { staticCredentials } from "../../src/s3/credentials/credentials.ts";
import { probeStore } from "../../src/s3/probe-store.ts";
import type { S3Bucket } from "../../src/s3/s3-bucket.ts";
import { Random } from "../support/random.ts";
import { missingS3Store, ownPrefix, type S3TestStore, startS3Store } from "../support/s3-store.ts";

const MIB = 1024 ** 2;
const missing = await missingS3Store();

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Bytes that differ everywhere, made fast. */
function someBytes(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes, new Random(7).bytes(251));
  for (let at = 0; at + 4 <= sizeBytes; at += 4096) bytes.writeUInt32LE(at, at);
  return bytes;
}

async function pagesOf(bucket: S3Bucket, prefix: string): Promise<(readonly ListedKey[])[]> {
  const pages: (readonly ListedKey[])[] = [];
  for await (const page of bucket.list(prefix)) pages.push(page);
  return pages;
}

async function listed(bucket: S3Bucket, prefix: string): Promise<ListedKey[]> {
  return (await pagesOf(bucket, prefix)).flat();
}

describe.skipIf(missing !== undefined)("a bucket of a real store", () => {
  let store: S3TestStore;
  let bucket: S3Bucket;
  const prefix = ownPrefix();
  beforeAll(async () => {
    store = await startS3Store();
    bucket = store.bucket();
  });
  afterAll(() => store?.stop());

  it("writes and reads an object, and says that it is the same", async () => {
    const key = `${prefix}object`;
    const written = await bucket.write(key, [Buffer.from("hel"), Buffer.from("lo")]);
    expect(written).toMatchObject({ kind: "done" });
    const read = await bucket.read(key, { bytesMax: 5 });
    expect(read).toMatchObject({ kind: "found", body: Buffer.from("hello") });
    const { etag } = read as { etag: string };
    expect(written).toMatchObject({ etag });
    expect(await bucket.read(key, { bytesMax: 5, ifNoneMatch: etag })).toMatchObject({ kind: "same" });
    expect(await bucket.read(`${key}s`, { bytesMax: 5 })).toMatchObject({ kind: "missing" });
    await expect(bucket.read(key, { bytesMax: 4 })).rejects.toMatchObject({ code: "STORAGE_IO" });
  });

  it("keeps an empty object", async () => {
    const key = `${prefix}empty`;
    expect(await bucket.write(key, [])).toMatchObject({ kind: "done" });
    expect(await bucket.read(key, { bytesMax: 0 })).toMatchObject({ kind: "found", body: Buffer.alloc(0) });
  });

  it("reports a conflict and keeps the object if a condition does not hold", async () => {
    const key = `${prefix}conditions`;
    const write = (text: string, condition: Parameters<S3Bucket["write"]>[2]) =>
      bucket.write(key, [Buffer.from(text)], condition);
    const first = await write("one", { ifAbsent: true });
    const { etag } = first as { etag: string };
    expect(await write("two", { ifAbsent: true })).toEqual({ kind: "conflict" });
    const second = await write("three", { ifMatch: etag });
    expect(second).toMatchObject({ kind: "done" });
    expect(await write("four", { ifMatch: etag })).toEqual({ kind: "conflict" });
    expect(await bucket.write(`${key}-absent`, [Buffer.from("x")], { ifMatch: etag })).toEqual({
      kind: "conflict",
    });
    expect(await bucket.remove(key, etag)).toEqual({ kind: "conflict" });
    expect(await bucket.read(key, { bytesMax: 10 })).toMatchObject({ body: Buffer.from("three") });
    expect(await bucket.remove(key, (second as { etag: string }).etag)).toMatchObject({ kind: "done" });
    expect(await bucket.read(key, { bytesMax: 10 })).toMatchObject({ kind: "missing" });
  });

  it("keeps keys with any characters apart", async () => {
    const keys = ["a b", "a+b", "a%20b", "ä/ö", "日本", "😀", "a&b<c>\"'", "x=1?y#z", "~!*()"].map(
      (name) => `${prefix}names/${name}`,
    );
    for (const key of keys) await bucket.write(key, [Buffer.from(key)]);
    for (const key of keys) {
      expect(await bucket.read(key, { bytesMax: 1000 })).toMatchObject({ body: Buffer.from(key) });
    }
    expect((await listed(bucket, `${prefix}names/`)).map(({ key }) => key).toSorted()).toEqual(
      keys.toSorted(),
    );
    for (const start of ["a+", "a%20", "a&b<", "ä/", "~!*"]) {
      expect(await listed(bucket, `${prefix}names/${start}`)).toHaveLength(1);
    }
    await bucket.removeMany([...keys, `${prefix}names/never`]);
    expect(await listed(bucket, `${prefix}names/`)).toEqual([]);
  });

  it.each([1, 300_000, 8 * MIB, 8 * MIB + 1, 27 * MIB + 5])(
    "stores an upload of %i bytes whole",
    async (sizeBytes) => {
      const key = `${prefix}upload-${sizeBytes}`;
      const bytes = someBytes(sizeBytes);
      const upload = bucket.upload(key);
      for (let at = 0; at < sizeBytes; at += 1_000_003) {
        await upload.append([bytes.subarray(at, at + 7), bytes.subarray(at + 7, at + 1_000_003)]);
      }
      const done = await upload.finish();
      expect(done.sizeBytes).toBe(sizeBytes);
      const back = await bucket.readRange(key, 0, sizeBytes);
      expect(sha256(back!)).toBe(sha256(bytes));
      const middle = Math.floor(sizeBytes / 2);
      const part = await bucket.readRange(key, middle, sizeBytes - middle);
      expect(sha256(part!)).toBe(sha256(bytes.subarray(middle)));
      expect(await bucket.readRange(`${key}-not`, 0, 1)).toBeUndefined();
      await expect(bucket.readRange(key, middle, sizeBytes - middle + 1)).rejects.toMatchObject({
        code: "OBJECT_CORRUPT",
      });
      expect((await listed(bucket, key)).find((each) => each.key === key)).toMatchObject({ sizeBytes });
    },
  );

  it("leaves nothing of an upload that is aborted", async () => {
    const key = `${prefix}aborted`;
    const upload = bucket.upload(key);
    await upload.append([someBytes(20 * MIB)]);
    await upload.abort();
    expect(await bucket.read(key, { bytesMax: 1 })).toMatchObject({ kind: "missing" });
    await expect(upload.finish()).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("lists and removes more keys than fit into a page", async () => {
    const keys = Array.from({ length: 1203 }, (_, i) => `${prefix}many/${i}`);
    const left = keys[Symbol.iterator]();
    const work = async (): Promise<void> => {
      for (const key of left) await bucket.write(key, [Buffer.from("x")]);
    };
    await Promise.all(Array.from({ length: 16 }, work));
    const pages = await pagesOf(bucket, `${prefix}many/`);
    expect(pages.length).toBeGreaterThan(1);
    expect(
      pages
        .flat()
        .map(({ key }) => key)
        .toSorted(),
    ).toEqual(keys.toSorted());
    await bucket.removeMany(keys);
    expect(await listed(bucket, `${prefix}many/`)).toEqual([]);
  });

  it("refuses wrong credentials as STORAGE_UNAVAILABLE", async () => {
    const credentials = staticCredentials({ accessKeyId: "test", secretAccessKey: "wrong" });
    const other = store.bucket({ credentials });
    await expect(other.read(`${prefix}object`, { bytesMax: 9 })).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
    });
  });

  it("passes the checks of a store, with conditions that are atomic", async () => {
    const report = await probeStore(bucket, `${prefix}checks/`);
    expect(report).toMatchObject({
      refusal: undefined,
      found: { createIfAbsent: "atomic", replaceIfMatch: "atomic", notModified: "works", ranges: "works" },
    });
    expect(await listed(bucket, `${prefix}checks/`)).toEqual([]);
  });

  it.skipIf(process.env.TEST_S3_ENDPOINT !== undefined)(
    "fails with STORAGE_UNAVAILABLE, and writes nothing, when the store is gone",
    async () => {
      const upload = bucket.upload(`${prefix}gone`);
      await upload.append([someBytes(8 * MIB + 1)]);
      await store.kill();
      const unavailable = { code: "STORAGE_UNAVAILABLE" };
      await expect(upload.finish()).rejects.toMatchObject(unavailable);
      await expect(bucket.read(`${prefix}object`, { bytesMax: 9 })).rejects.toMatchObject(unavailable);
      await expect(listed(bucket, prefix)).rejects.toMatchObject(unavailable);
      expect(await store.bucket().write(`${prefix}object`, [Buffer.from("x")])).toEqual({ kind: "retry" });
    },
  );
});
