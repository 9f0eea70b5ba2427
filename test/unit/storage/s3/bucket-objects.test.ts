import { describe, expect, it } from "vitest";
import { CacheError } from "../../../../src/errors.ts";
import { LIMITS } from "../../../../src/limits.ts";
import { RangeMemory } from "../../../../src/storage/s3/blob-ranges.ts";
import { BucketFile } from "../../../../src/storage/s3/bucket-file.ts";
import { encodeManifest } from "../../../../src/storage/s3/encode-manifest.ts";
import type { ObjectReader } from "../../../../src/storage/s3/object-reader.ts";
import { BucketReplica, HOUR_MS, KEY } from "../../../support/bucket-replica.ts";
import { Random } from "../../../support/random.ts";

const LARGE = Buffer.from(new Random(3).bytes(LIMITS.manifestInlineBytesMax + 5000));

async function withObject(value: string | Uint8Array = "base"): Promise<BucketReplica> {
  const replica = new BucketReplica();
  await replica.run(replica.put(value));
  return replica;
}

async function readerOf(replica: BucketReplica): Promise<ObjectReader> {
  const found = await replica.run(replica.objects.get(KEY));
  expect(found.kind).toBe("found");
  return (found as { reader: ObjectReader }).reader;
}

function blobNames({ contents }: BucketReplica): string[] {
  return [...contents.objects.keys()].filter((name) => name.startsWith("d/"));
}

describe("a put", () => {
  it("of a small value is in the manifest alone, and of a large one in a blob", async () => {
    const replica = await withObject("small");
    expect(blobNames(replica)).toEqual([]);
    await replica.run(replica.put(LARGE));
    expect(blobNames(replica)).toHaveLength(1);
    expect(replica.contents.objects.get("m/app/session/1")?.body.length).toBeLessThan(300);
    const reader = await readerOf(replica.beside());
    expect(await replica.run(reader.readAll(reader.live.base))).toEqual(LARGE);
  });

  it("keeps what it knows about the object", async () => {
    const replica = new BucketReplica();
    const facts = { form: "stream", kind: "table", rowCount: 12, dataBytes: 99, putBy: "jean" } as const;
    await replica.run(replica.put("x", facts));
    const { live } = await readerOf(replica.beside());
    expect(live).toMatchObject({ ...facts, baseVersion: 1 });
    expect(live.putAtMs).toBeGreaterThan(replica.contents.nowMs - 2000);
  });

  it("frames the body anew for the version that it gets", async () => {
    const replica = await withObject();
    const other = replica.beside();
    await replica.run(other.put("other"));
    const versions: number[] = [];
    const frame = ({ version }: { version: number }) => {
      versions.push(version);
      return { head: Buffer.from(`<${version}|`), tail: Buffer.from(`|${version}>`) };
    };
    await replica.run(replica.put("body", { frame }));
    expect(versions).toEqual([2, 3]);
    expect(await replica.run(other.get())).toEqual(["<3|body|3>"]);
  });

  it("writes a head or tail that is too large for the manifest to a blob", async () => {
    const replica = new BucketReplica();
    const tail = Buffer.alloc(LIMITS.manifestFrameBytesMax + 1, "t");
    await replica.run(replica.put(LARGE, { frame: () => ({ head: Buffer.from("h"), tail }) }));
    const reader = await readerOf(replica);
    expect(reader.live.base.spans.map((span) => span.kind)).toEqual(["inline", "blob", "blob"]);
    const whole = Buffer.concat([Buffer.from("h"), LARGE, tail]);
    expect(await replica.run(reader.readAll(reader.live.base))).toEqual(whole);
    const random = new Random(5);
    for (let round = 0; round < 50; round += 1) {
      const position = random.below(whole.length);
      const length = random.below(whole.length - position);
      const file = new BucketFile(reader, reader.live.base, { memory: new RangeMemory() });
      const range = await replica.run(file.read(position, length));
      expect(range).toEqual(whole.subarray(position, position + length));
    }
  });

  it("of a body that is discarded leaves no blob", async () => {
    const replica = new BucketReplica();
    const staged = replica.objects.stage(KEY);
    await staged.append([LARGE]);
    await replica.run(staged.finish());
    expect(blobNames(replica)).toHaveLength(1);
    await replica.run(staged.discard());
    expect(blobNames(replica)).toEqual([]);
  });

  it.each([
    ["ifAbsent", { ifAbsent: true } as const],
    ["a version that is out of date", { ifVersion: 1 }],
  ])("on condition of %s is refused with the version that is there", async (_, condition) => {
    const replica = await withObject();
    await replica.run(replica.beside().put("newer"));
    const refused = { kind: "refused", refusal: { kind: "conflict", version: 2 } };
    expect(await replica.run(replica.put("x", { condition }))).toMatchObject(refused);
    expect(await replica.run(replica.beside().put("x", { condition }))).toMatchObject(refused);
    expect(await replica.run(replica.get())).toEqual(["newer"]);
  });

  it("on a condition that holds is done, even if the replica remembers another state", async () => {
    const replica = await withObject();
    const other = replica.beside();
    await replica.run(other.put("second"));
    expect(await replica.run(replica.put("third", { condition: { ifVersion: 2 } }))).toMatchObject({
      version: 3,
    });
    await replica.run(replica.delete());
    expect(await replica.run(other.put("fourth", { condition: { ifAbsent: true } }))).toMatchObject({
      version: 4,
    });
  });
});

describe("a patch", () => {
  it("of a key without an object is refused", async () => {
    const replica = new BucketReplica();
    const missing = { kind: "refused", refusal: { kind: "missing" } };
    expect(await replica.run(replica.patch("+"))).toMatchObject(missing);
    await replica.run(replica.put("x"));
    await replica.run(replica.delete());
    expect(await replica.run(replica.patch("+"))).toMatchObject(missing);
  });

  it("is refused with the error of the check, by the object as it is", async () => {
    const replica = await withObject();
    const error = new CacheError("INVALID_REQUEST", "the kinds differ");
    const accept = (live?: { kind: string }) => (live?.kind === "opaque" ? error : undefined);
    expect(await replica.run(replica.patch("+", { accept }))).toMatchObject({
      refusal: { kind: "rejected", error },
    });
    await replica.run(replica.beside().put("table", { kind: "table" }));
    expect(await replica.run(replica.patch("+", { accept }))).toMatchObject({ kind: "done", version: 3 });
  });

  it("that is large is a blob, and its head and tail are in the manifest", async () => {
    const replica = await withObject();
    const frame = () => ({ head: Buffer.from("<"), tail: Buffer.from(">") });
    await replica.run(replica.patch(LARGE, { frame }));
    const reader = await readerOf(replica);
    const entry = await replica.run(reader.patch(2));
    expect(entry?.content.spans.map((span) => span.kind)).toEqual(["inline", "blob", "inline"]);
    expect(await replica.run(reader.readAll(entry!.content))).toEqual(
      Buffer.concat([Buffer.from("<"), LARGE, Buffer.from(">")]),
    );
  });

  it("is one of 10,000 that a get reads in order, without a LIST, from a manifest of bounded size", async () => {
    const replica = await withObject();
    const key = "m/app/session/1";
    let largest = 0;
    for (let version = 2; version <= LIMITS.patchesPerObjectMax + 1; version += 1) {
      await replica.run(replica.patch(`patch ${version}`));
      largest = Math.max(largest, replica.contents.objects.get(key)!.body.length);
    }
    expect(await replica.run(replica.patch("one more"))).toMatchObject({ refusal: { kind: "rejected" } });
    expect(largest).toBeLessThan(16 * 1024);
    const other = replica.beside();
    const values = await replica.run(other.get());
    expect(values).toHaveLength(LIMITS.patchesPerObjectMax + 1);
    expect(values?.slice(1)).toEqual(
      Array.from({ length: LIMITS.patchesPerObjectMax }, (_, index) => `patch ${index + 2}`),
    );
    expect(other.bucket.requests).toEqual({
      read: 1,
      readRange: Math.floor(LIMITS.patchesPerObjectMax / 64),
    });
    // The puts of manifests, and a segment for each 64 patches.
    expect(replica.bucket.requestCount).toBeLessThan(10_000 * 1.02);
  });

  it("of 4 KiB, 2,000 times, leaves a manifest of bounded size as well", async () => {
    const replica = await withObject();
    const patch = Buffer.alloc(LIMITS.patchInlineBytesMax, "p");
    for (let count = 0; count < 2000; count += 1) await replica.run(replica.patch(patch));
    const reader = await readerOf(replica);
    expect(encodeManifest(reader.manifest).length).toBeLessThan(LIMITS.manifestBytesMax / 2);
    expect([...reader.patchVersions()]).toHaveLength(2000);
    expect((await replica.run(reader.patch(1000)))?.version).toBe(1000);
    expect(await replica.run(reader.patch(5000))).toBeUndefined();
  });
});

describe("a delete", () => {
  it("keeps the version, so that a later put has a higher one", async () => {
    const replica = await withObject();
    await replica.run(replica.patch("+"));
    expect(await replica.run(replica.delete())).toMatchObject({ kind: "done", version: 2 });
    expect(await replica.run(replica.get())).toBeUndefined();
    expect(await replica.run(replica.delete())).toMatchObject({
      kind: "refused",
      refusal: { kind: "missing" },
    });
    expect(await replica.run(replica.beside().put("again"))).toMatchObject({ version: 3 });
  });

  it("on condition of another version is refused", async () => {
    const replica = await withObject();
    const refused = { refusal: { kind: "conflict", version: 1 } };
    expect(await replica.run(replica.objects.delete(KEY, { condition: { ifVersion: 2 } }))).toMatchObject(
      refused,
    );
    expect(await replica.run(replica.objects.delete(KEY, { condition: { ifVersion: 1 } }))).toMatchObject({
      kind: "done",
    });
  });
});

describe("a time to live", () => {
  it("is judged by the store's clock, whatever the clocks of the replicas say", async () => {
    const replica = new BucketReplica({ clock: { wallAheadMs: -500 * HOUR_MS } });
    const other = replica.beside({ clock: { wallAheadMs: 900 * HOUR_MS, monotonicAheadMs: 77 } });
    await replica.run(replica.put("x", { ttlMs: HOUR_MS }));
    await replica.later(HOUR_MS - 5000);
    expect(await replica.run(other.get())).toEqual(["x"]);
    await replica.later(10_000);
    expect(await replica.run(other.get())).toBeUndefined();
    expect(await replica.run(other.get({ atLeastVersion: 1 }))).toBeUndefined();
    expect(await replica.run(other.patch("+"))).toMatchObject({ refusal: { kind: "missing" } });
    expect(await replica.run(other.put("y", { condition: { ifAbsent: true } }))).toMatchObject({
      version: 2,
    });
  });

  it("begins again with a renewal, which keeps the version", async () => {
    const replica = new BucketReplica();
    await replica.run(replica.put("x", { ttlMs: HOUR_MS }));
    await replica.later(HOUR_MS / 2);
    expect(await replica.run(replica.objects.renew(KEY, HOUR_MS))).toMatchObject({
      kind: "done",
      version: 1,
    });
    await replica.later(HOUR_MS / 2 + 5000);
    expect(await replica.run(replica.get())).toEqual(["x"]);
    await replica.run(replica.objects.renew(KEY, Number.POSITIVE_INFINITY));
    await replica.later(900 * HOUR_MS);
    expect(await replica.run(replica.beside().get())).toEqual(["x"]);
  });

  it("can be changed by a patch, which keeps it otherwise", async () => {
    const replica = new BucketReplica();
    await replica.run(replica.put("x", { ttlMs: HOUR_MS }));
    await replica.run(replica.patch("+"));
    expect((await readerOf(replica)).live.lifetime).toMatchObject({ ttlMs: HOUR_MS });
    await replica.run(replica.patch("+", { ttlMs: 9 * HOUR_MS + 0.5 }));
    expect((await readerOf(replica)).live.lifetime).toMatchObject({ ttlMs: 9 * HOUR_MS + 1 });
    await replica.later(8 * HOUR_MS);
    expect(await replica.run(replica.get())).toEqual(["x", "+", "+"]);
    await replica.run(replica.patch("+", { ttlMs: Number.POSITIVE_INFINITY }));
    await replica.later(99 * HOUR_MS);
    expect(await replica.run(replica.beside().get())).toHaveLength(4);
  });

  it("that was renewed meanwhile is not ended by a replica that remembers the old one", async () => {
    const replica = new BucketReplica();
    const other = replica.beside();
    await replica.run(replica.put("x", { ttlMs: HOUR_MS }));
    await replica.run(other.get());
    await replica.run(replica.objects.renew(KEY, 5 * HOUR_MS));
    await replica.later(2 * HOUR_MS);
    expect(await replica.run(other.objects.expire(KEY))).toMatchObject({ kind: "refused" });
    await replica.later(4 * HOUR_MS);
    expect(await replica.run(other.objects.expire(KEY))).toMatchObject({ kind: "done", version: 1 });
  });
});

describe("a reader", () => {
  it("keeps its bytes while the object is replaced, and starts again if they were collected", async () => {
    const replica = await withObject(LARGE);
    const other = replica.beside();
    const [blob] = blobNames(replica);
    const reader = await readerOf(other);
    await replica.run(replica.put("new"));
    expect(await replica.run(reader.readAll(reader.live.base))).toEqual(LARGE);
    replica.contents.objects.delete(blob!);
    const again = reader.readAll(reader.live.base);
    await expect(replica.run(again)).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      facts: { replaced: true },
    });
    expect(await replica.run(other.get())).toEqual(["new"]);
  });

  it("of a held version whose bytes were collected gets the current object", async () => {
    const replica = await withObject(LARGE);
    const other = replica.beside();
    await replica.run(other.objects.get(KEY));
    const [blob] = blobNames(replica);
    await replica.run(replica.put("new"));
    replica.contents.objects.delete(blob!);
    expect(await replica.run(other.get({ atLeastVersion: 1 }))).toEqual(["new"]);
  });

  it("reports a loss if the manifest still refers to a blob that is missing", async () => {
    const replica = await withObject(LARGE);
    replica.contents.objects.delete(blobNames(replica)[0]!);
    await expect(replica.run(replica.get())).rejects.toThrow("OBJECT_CORRUPT");
  });

  it("finds a changed bit of a blob, read at once or in ranges", async () => {
    const replica = await withObject(LARGE);
    const [name] = blobNames(replica);
    const stored = replica.contents.objects.get(name!)!;
    const body = Buffer.from(stored.body);
    body[40_000]! ^= 1;
    replica.contents.objects.set(name!, { ...stored, body });
    await expect(replica.run(replica.get())).rejects.toThrow("OBJECT_CORRUPT");
    const reader = await readerOf(replica);
    // Without memory for ranges in advance each read is a request.
    const file = new BucketFile(reader, reader.live.base, { memory: new RangeMemory(0) });
    const half = LARGE.length / 2;
    await replica.run(file.read(0, half));
    await expect(replica.run(file.read(half, half))).rejects.toThrow("OBJECT_CORRUPT");
  });

  it("finds a changed bit of a segment", async () => {
    const replica = await withObject();
    for (let count = 0; count <= LIMITS.manifestPatchesMax; count += 1) await replica.run(replica.patch("+"));
    const [name] = blobNames(replica);
    const stored = replica.contents.objects.get(name!)!;
    const body = Buffer.from(stored.body);
    body[30]! ^= 1;
    replica.contents.objects.set(name!, { ...stored, body });
    await expect(replica.run(replica.get())).rejects.toThrow("OBJECT_CORRUPT");
  });
});
