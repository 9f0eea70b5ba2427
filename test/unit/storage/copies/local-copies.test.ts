/**
 * Copies of blobs on the local disk: what they save, how they survive restarts and damage, and that
 * they stay within their bound.
 */
import fs from "node:fs";
import { describe, expect, it } from "vitest";
import { LruPolicy } from "../../../../src/eviction/lru-policy.ts";
import { S3FifoPolicy } from "../../../../src/eviction/s3-fifo-policy.ts";
import { LocalCopies } from "../../../../src/storage/copies/local-copies.ts";
import { openFiles, scratchDirectory, startedDisk, tree } from "../scratch-directory.ts";
import { get, KIB, MIB, openCopies, readAll, SentBlob } from "./copied-blobs.ts";

/** Path of the only copy. */
function onlyCopy(directory: string): string {
  const names = fs.readdirSync(`${directory}/copies`);
  expect(names).toHaveLength(1);
  return `${directory}/copies/${names[0]}`;
}

function flipBit(path: string, position: number): void {
  const bytes = fs.readFileSync(path);
  bytes[position]! ^= 1;
  fs.writeFileSync(path, bytes);
}

describe("a blob that was read once", () => {
  it.each([1, 64 * KIB, 64 * KIB + 1, 3 * MIB, 5 * MIB + 17])(
    "of %i bytes comes from the local disk, also after a restart, and the same",
    async (sizeBytes) => {
      const directory = scratchDirectory();
      const blob = new SentBlob(sizeBytes);
      const copies = await openCopies({ directory });
      expect((await get(blob, copies)).equals(blob.bytes)).toBe(true);
      expect(blob.sentBytes).toBe(sizeBytes);
      const { requests } = blob;
      expect((await get(blob, copies)).equals(blob.bytes)).toBe(true);
      await copies.stop();
      const later = await openCopies({ directory });
      expect((await get(blob, later)).equals(blob.bytes)).toBe(true);
      expect(blob.requests).toBe(requests);
      expect(later.counts).toMatchObject({ hits: 1, misses: 0, readBytes: sizeBytes });
      expect(openFiles(directory)).toEqual([]);
    },
  );

  it("gives any range of it, in any order", async () => {
    const blob = new SentBlob(300 * KIB + 5);
    const copies = await openCopies({ directory: scratchDirectory() });
    await get(blob, copies);
    const reader = blob.reader(copies);
    const edges = [0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 200_000, 300 * KIB + 4, 300 * KIB + 5];
    for (const from of edges) {
      for (const to of edges.filter((edge) => edge >= from)) {
        const expected = blob.bytes.subarray(from, to);
        expect((await reader.read(from, to - from)).equals(expected)).toBe(true);
        const own = Buffer.alloc(to - from);
        await reader.readInto(own, from);
        expect(own.equals(expected)).toBe(true);
      }
    }
    reader.close();
    expect(blob.sentBytes).toBe(blob.span.sizeBytes);
  });

  it("is found by its name before the start has looked at the directory", async () => {
    const directory = scratchDirectory();
    const blob = new SentBlob(MIB);
    const copies = await openCopies({ directory });
    await get(blob, copies);
    await copies.stop();
    const later = new LocalCopies({ directory, bytesMax: 64 * MIB, policy: new LruPolicy() });
    await later.start();
    expect(later.counts.copies).toBe(0);
    expect((await readAll(blob.reader(later), MIB)).equals(blob.bytes)).toBe(true);
    expect(blob.sentBytes).toBe(MIB);
    await later.stop();
    expect(later.counts).toMatchObject({ copies: 1, hits: 1 });
  });

  it("takes files that only this user can read", async () => {
    const directory = `${scratchDirectory()}/new`;
    await get(new SentBlob(MIB), await openCopies({ directory }));
    const modes = [directory, `${directory}/copies`, onlyCopy(directory)].map(
      (path) => fs.statSync(path).mode,
    );
    expect(modes.map((mode) => (mode & 0o777).toString(8))).toEqual(["700", "700", "600"]);
  });

  it("is not copied by a read of a part", async () => {
    const directory = scratchDirectory();
    const blob = new SentBlob(4 * MIB);
    const copies = await openCopies({ directory });
    for (const position of [0, 3 * MIB]) {
      const reader = blob.reader(copies);
      await reader.read(position, 1000);
      reader.close();
    }
    await copies.idle();
    expect(tree(directory)).toEqual(["copies/"]);
    expect(copies.counts).toMatchObject({ copies: 0, heldBytes: 0, abandoned: 1 });
  });
});

describe("damage of a copy", () => {
  const SIZE = 5 * MIB + 17;

  it.each([
    ["a changed bit", (path: string) => flipBit(path, 2 * MIB + 5)],
    ["a changed bit of its sums", (path: string) => flipBit(path, SIZE + 3)],
    ["a cut end", (path: string) => fs.truncateSync(path, MIB)],
    ["no bytes, as after a power loss", (path: string) => fs.writeFileSync(path, Buffer.alloc(SIZE + 360))],
    ["a removal by hand", (path: string) => fs.rmSync(path)],
    ["a link in its place", (path: string) => fs.rmSync(path) ?? fs.symlinkSync("/etc/hostname", path)],
  ])("by %s is read from the store, and the next get makes a new copy", async (_, damage) => {
    const directory = scratchDirectory();
    const blob = new SentBlob(SIZE);
    const copies = await openCopies({ directory });
    await get(blob, copies);
    damage(onlyCopy(directory));
    expect((await get(blob, copies)).equals(blob.bytes)).toBe(true);
    expect(copies.counts.damaged).toBe(1);
    expect((await get(blob, copies)).equals(blob.bytes)).toBe(true);
    const { sentBytes } = blob;
    expect((await get(blob, copies)).equals(blob.bytes)).toBe(true);
    expect(blob.sentBytes).toBe(sentBytes);
    expect(copies.counts).toMatchObject({ damaged: 1, copies: 1 });
  });

  it("is found in bytes of another blob under its name", async () => {
    const directory = scratchDirectory();
    const copies = await openCopies({ directory });
    const blob = new SentBlob(MIB, 1);
    await get(blob, copies);
    const path = onlyCopy(directory);
    await get(new SentBlob(MIB, 2), copies);
    const other = fs.readdirSync(`${directory}/copies`).find((name) => !path.endsWith(name));
    fs.copyFileSync(`${directory}/copies/${other}`, path);
    expect((await get(blob, copies)).equals(blob.bytes)).toBe(true);
    expect(copies.counts.damaged).toBe(1);
  });

  it("of the bytes in the store leaves no copy", async () => {
    const directory = scratchDirectory();
    const copies = await openCopies({ directory });
    const blob = new SentBlob(3 * MIB);
    blob.bytes[2 * MIB]! ^= 1;
    await expect(get(blob, copies)).rejects.toThrow("OBJECT_CORRUPT");
    await copies.idle();
    expect(tree(directory)).toEqual(["copies/"]);
  });
});

describe("the directory", () => {
  it("never holds more than its capacity, and forgets what was not read for long", async () => {
    const directory = scratchDirectory();
    const copies = await openCopies({ directory, bytesMax: 10 * MIB });
    const blobs = Array.from({ length: 12 }, (_, seed) => new SentBlob(MIB, seed + 1));
    for (const blob of blobs) {
      await get(blob, copies);
      await get(blobs[0]!, copies);
      const sizes = fs
        .readdirSync(`${directory}/copies`)
        .map((name) => fs.statSync(`${directory}/copies/${name}`));
      const used = sizes.reduce((sum, { blocks }) => sum + blocks * 512, 0);
      expect(used).toBeLessThanOrEqual(10 * MIB);
      expect(copies.counts.heldBytes).toBeLessThanOrEqual(10 * MIB);
    }
    expect(blobs[0]!.sentBytes).toBe(MIB);
    expect(copies.counts).toMatchObject({ copies: 9, evicted: 3 });
  });

  it("keeps what is read often, however much is read once", async () => {
    const policy = new S3FifoPolicy();
    const copies = await openCopies({ directory: scratchDirectory(), bytesMax: 4 * MIB, policy });
    const hot = Array.from({ length: 10 }, (_, seed) => new SentBlob(100 * KIB, seed + 1));
    for (let round = 0; round < 4; round += 1) for (const blob of hot) await get(blob, copies);
    for (let seed = 100; seed < 200; seed += 1) await get(new SentBlob(100 * KIB, seed), copies);
    for (const blob of hot) await get(blob, copies);
    expect(hot.map((blob) => blob.sentBytes)).toEqual(hot.map(() => 100 * KIB));
  });

  it("keeps no blob above a third of its capacity", async () => {
    const copies = await openCopies({ directory: scratchDirectory(), bytesMax: 3 * MIB });
    await get(new SentBlob(MIB, 1), copies);
    expect(copies.counts).toMatchObject({ copies: 0, evicted: 0 });
  });

  it("is cut to a smaller capacity at a start", async () => {
    const directory = scratchDirectory();
    const copies = await openCopies({ directory });
    for (let seed = 1; seed <= 5; seed += 1) await get(new SentBlob(MIB, seed), copies);
    await copies.stop();
    const later = await openCopies({ directory, bytesMax: 3 * MIB });
    await later.idle();
    expect(fs.readdirSync(`${directory}/copies`)).toHaveLength(2);
    expect(later.counts).toMatchObject({ copies: 2, evicted: 3 });
  });

  it("loses what a killed process left half written, and nothing of others", async () => {
    const directory = scratchDirectory();
    const copies = await openCopies({ directory });
    await get(new SentBlob(MIB), copies);
    await copies.stop();
    const copy = onlyCopy(directory);
    fs.writeFileSync(`${copy}.0123456789ab`, "half");
    fs.writeFileSync(`${directory}/copies/notes.txt`, "mine");
    fs.writeFileSync(`${directory}/notes.txt`, "mine");
    fs.symlinkSync("/etc/hostname", `${directory}/copies/${"a".repeat(40)}`);
    fs.mkdirSync(`${directory}/copies/${"b".repeat(40)}`);
    const later = await openCopies({ directory });
    await later.idle();
    expect(fs.existsSync(`${copy}.0123456789ab`)).toBe(false);
    expect(fs.existsSync("/etc/hostname")).toBe(true);
    expect(later.counts.copies).toBe(1);
    expect(fs.readdirSync(`${directory}/copies`)).toHaveLength(4);
    expect(fs.readFileSync(`${directory}/copies/notes.txt`, "utf8")).toBe("mine");
  });

  it("has a bound by the free space when no capacity is set", async () => {
    const directory = scratchDirectory();
    const { bavail, bsize } = fs.statfsSync(directory);
    const copies = await openCopies({ directory, bytesMax: undefined });
    expect(copies.counts.bytesMax! / (bavail * bsize)).toBeCloseTo(0.8, 1);
  });

  it("is refused while another live process uses it", async () => {
    const directory = scratchDirectory();
    await openCopies({ directory });
    await expect(openCopies({ directory })).rejects.toThrow(/INVALID_CONFIG.*local cache .* is in use by/);
  });

  it("is refused if a server keeps its files there", async () => {
    const directory = scratchDirectory();
    await (await startedDisk({ directory })).stop();
    const refusal = /INVALID_CONFIG.*is the directory of a server with storage files.*--local-cache/;
    await expect(openCopies({ directory })).rejects.toThrow(refusal);
  });

  it("is refused if a file or a link is in its place", async () => {
    const directory = scratchDirectory();
    fs.writeFileSync(`${directory}/file`, "");
    await expect(openCopies({ directory: `${directory}/file` })).rejects.toThrow("a file is in its place");
    fs.mkdirSync(`${directory}/a`);
    fs.symlinkSync(directory, `${directory}/a/copies`);
    const refusal = "copies in it is not a directory";
    await expect(openCopies({ directory: `${directory}/a` })).rejects.toThrow(refusal);
  });
});
