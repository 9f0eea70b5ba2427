/**
 * Many readers of one cold file: the disk is read once, and nobody depends on anybody else.
 */
import { describe, expect, it } from "vitest";
import { CacheError } from "../../../../src/errors.ts";
import { named, openFiles, patternBytes, publish, readWhole } from "../scratch-directory.ts";
import { gate, MIB, watchedTier } from "./tier-fixture.ts";

const NAME = named("a/s/o");
const SIZE = 7 * MIB + 1234;
const content = patternBytes(SIZE);
const failure = new CacheError("STORAGE_IO", "the disk is gone");

async function tierWithFile() {
  const watched = await watchedTier();
  await publish(watched.disk, NAME, content);
  return watched;
}

describe("a cold file", () => {
  it("is read from the disk once, however many ask for it at once", async () => {
    const { disk, directory } = await tierWithFile();
    const reads = Array.from({ length: 16 }, () => readWhole(disk, NAME));
    for (const bytes of await Promise.all(reads)) expect(bytes?.equals(content)).toBe(true);
    expect(disk.bytesRead).toBe(SIZE);
    expect(openFiles(directory)).toEqual([]);
  });

  it("is given to a later reader as far as it is there", async () => {
    const { disk } = await tierWithFile();
    const door = gate();
    disk.beforeRead = (position) => (position < 4 * MIB ? undefined : door.opened);
    const first = (await disk.open(NAME))!;
    const waiting = first.read(5 * MIB, MIB);
    await first.read(0, MIB);
    const second = (await disk.open(NAME))!;
    expect((await second.read(100, MIB - 100)).equals(content.subarray(100, MIB))).toBe(true);
    expect((await second.read(3 * MIB, MIB)).equals(content.subarray(3 * MIB, 4 * MIB))).toBe(true);
    door.open();
    expect((await waiting).equals(content.subarray(5 * MIB, 6 * MIB))).toBe(true);
    first.close();
    second.close();
  });

  it("is read ahead of who reads it in order", async () => {
    const { disk } = await tierWithFile();
    const file = (await disk.open(NAME))!;
    await file.read(0, 100);
    expect(disk.bytesRead).toBe(3 * MIB);
    file.close();
  });

  it("goes on being loaded when the reader who began it leaves", async () => {
    const { disk } = await tierWithFile();
    const [first, second] = [(await disk.open(NAME))!, (await disk.open(NAME))!];
    const abandoned = first.read(0, 2 * MIB);
    first.close();
    expect((await second.read(0, SIZE)).equals(content)).toBe(true);
    expect((await abandoned).equals(content.subarray(0, 2 * MIB))).toBe(true);
    second.close(true);
    expect((await readWhole(disk, NAME))?.equals(content)).toBe(true);
    expect(disk.bytesRead).toBe(SIZE);
  });

  it("of which nobody wants the rest is not kept, and its descriptor is closed", async () => {
    const { disk, tier, directory } = await tierWithFile();
    const file = (await disk.open(NAME))!;
    await file.read(0, 100);
    file.close(true);
    await expect.poll(() => openFiles(directory)).toEqual([]);
    await readWhole(disk, NAME);
    expect(tier.counters).toMatchObject({ hits: 0, misses: 2, loads: 2 });
  });
});

describe("a load that fails", () => {
  it("is an error to everyone who reads, and nothing of it is kept", async () => {
    const { disk, tier, directory } = await tierWithFile();
    disk.beforeRead = (position) => (position < 2 * MIB ? undefined : Promise.reject(failure));
    const readers = await Promise.all(Array.from({ length: 4 }, async () => (await disk.open(NAME))!));
    for (const reading of readers.map((file) => file.read(0, SIZE))) {
      await expect(reading).rejects.toBe(failure);
    }
    for (const file of readers) await expect(file.read(0, 1)).rejects.toBe(failure);
    for (const file of readers) file.close(true);
    await expect.poll(() => openFiles(directory)).toEqual([]);
    disk.beforeRead = () => undefined;
    expect((await readWhole(disk, NAME))?.equals(content)).toBe(true);
    expect(tier.counters).toMatchObject({ loads: 2 });
  });

  it("that nobody waited for is told to who reads next", async () => {
    const { disk } = await tierWithFile();
    disk.beforeRead = (position) => (position === 0 ? undefined : Promise.reject(failure));
    const file = (await disk.open(NAME))!;
    await file.read(0, 10);
    await expect(file.read(2 * MIB, 10)).rejects.toBe(failure);
    file.close();
    expect(await disk.open(NAME)).not.toBe(undefined);
  });
});
