/**
 * What the memory tier keeps, and when it lets go of it.
 */
import fs from "node:fs";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import { named, openFiles, patchOf, patternBytes, publish, readWhole } from "../scratch-directory.ts";
import { gate, KIB, MIB, watchedTier } from "./tier-fixture.ts";

const NAME = named("a/s/o");
/** Not kept by its put. */
const LARGE_BYTES = LIMITS.putAdmittedBytesMax + 1;

describe("a small file", () => {
  it.each([1, 1000, LIMITS.putAdmittedBytesMax])(
    "of %i bytes is answered from memory from its put on",
    async (sizeBytes) => {
      const { disk, tier } = await watchedTier();
      await publish(disk, NAME, patternBytes(sizeBytes));
      for (let round = 0; round < 3; round += 1) {
        expect((await readWhole(disk, NAME))?.equals(patternBytes(sizeBytes))).toBe(true);
      }
      expect([disk.opens, disk.bytesRead]).toEqual([0, 0]);
      expect(tier.counters).toEqual({ hits: 3, misses: 0, loads: 0, bypassed: 0, droppedCopies: 0 });
    },
  );

  it("that the memory lost is answered from the log, and kept again", async () => {
    const { disk, tier } = await watchedTier();
    await publish(disk, NAME, patternBytes(1000));
    tier.clear();
    for (let round = 0; round < 3; round += 1) {
      expect((await readWhole(disk, NAME))?.equals(patternBytes(1000))).toBe(true);
    }
    expect([disk.opens, disk.bytesRead]).toEqual([1, 1000]);
    expect(tier.counters).toMatchObject({ hits: 2, misses: 1, loads: 1 });
  });
});

describe("a file that was read", () => {
  it.each([LARGE_BYTES, 300 * KIB, MIB, 2 * MIB, 5 * MIB + 17])(
    "of %i bytes is answered from memory from then on, without the disk",
    async (sizeBytes) => {
      const { disk, tier, directory } = await watchedTier();
      await publish(disk, NAME, patternBytes(sizeBytes));
      for (let round = 0; round < 3; round += 1) {
        expect((await readWhole(disk, NAME))?.equals(patternBytes(sizeBytes))).toBe(true);
      }
      expect([disk.opens, disk.bytesRead]).toEqual([1, sizeBytes]);
      expect(tier.counters).toEqual({ hits: 2, misses: 1, loads: 1, bypassed: 0, droppedCopies: 0 });
      expect(openFiles(directory)).toEqual([]);
    },
  );

  it("is given as views of memory that belongs to it alone", async () => {
    const { disk } = await watchedTier();
    await publish(disk, NAME, patternBytes(MIB + 700));
    await readWhole(disk, NAME);
    const file = (await disk.open(NAME))!;
    const [first, second] = [await file.read(0, MIB), await file.read(300, MIB)];
    expect(second.buffer).toBe(first.buffer);
    expect(second.byteOffset - first.byteOffset).toBe(300);
    expect(file.contiguousBytes?.(300)).toBe(MIB + 400);
    file.close(true);
  });

  it("is found under each of its parts, and no other", async () => {
    const { disk } = await watchedTier();
    const names = [NAME, named("a/s/o", { kind: "stream" }), patchOf("a/s/o", 1, 2), patchOf("a/s/o", 3, 4)];
    const bytes = names.map((_, seed) => patternBytes(LARGE_BYTES, seed));
    for (const [seed, name] of names.entries()) await publish(disk, name, bytes[seed]!);
    for (let round = 0; round < 2; round += 1) {
      for (const [seed, name] of names.entries())
        expect((await readWhole(disk, name))?.equals(bytes[seed]!)).toBe(true);
    }
    expect(disk.opens).toBe(names.length);
  });

  it("is forgotten when the engine stops", async () => {
    const { disk, tier } = await watchedTier();
    await publish(disk, NAME, patternBytes(1000));
    await readWhole(disk, NAME);
    expect([disk.opens, tier.heldBytes > 0]).toEqual([0, true]);
    await disk.stop();
    expect(tier.heldBytes).toBe(0);
    await disk.start();
    await readWhole(disk, NAME);
    expect(disk.opens).toBe(1);
  });
});

describe("a change of the disk", () => {
  const changes = {
    publish: (disk: Parameters<typeof publish>[0]) => publish(disk, NAME, Buffer.from("new")),
    remove: (disk: Parameters<typeof publish>[0]) => disk.remove(NAME),
    quarantine: (disk: Parameters<typeof publish>[0]) => disk.quarantine(NAME, "test"),
  };
  const after = { publish: "new", remove: undefined, quarantine: undefined };

  it.each(["publish", "remove", "quarantine"] as const)(
    "(%s) is seen by who opens the name after it, and not by who had it open",
    async (change) => {
      const { disk } = await watchedTier();
      await publish(disk, NAME, Buffer.from("old"));
      await readWhole(disk, NAME);
      const before = (await disk.open(NAME))!;
      await changes[change](disk);
      expect((await readWhole(disk, NAME))?.toString()).toBe(after[change]);
      expect(String(await before.read(0, 3))).toBe("old");
      before.close();
    },
  );

  it.each(["publish", "remove", "quarantine"] as const)(
    "(%s) while the older file is being opened keeps it from being kept",
    async (change) => {
      const { disk } = await watchedTier();
      await publish(disk, NAME, Buffer.from("old"));
      const door = gate();
      disk.beforeOpened = () => door.opened;
      const opening = disk.open(NAME);
      await changes[change](disk);
      door.open();
      const older = (await opening)!;
      expect(String(await older.read(0, 3))).toBe("old");
      older.close();
      expect((await readWhole(disk, NAME))?.toString()).toBe(after[change]);
    },
  );

  it("while the older file is being loaded leaves it to its readers only", async () => {
    const { disk } = await watchedTier();
    await publish(disk, NAME, patternBytes(5 * MIB, 1));
    const door = gate();
    disk.beforeRead = () => door.opened;
    const older = (await disk.open(NAME))!;
    const reading = older.read(0, 5 * MIB);
    await publish(disk, NAME, patternBytes(3 * MIB, 2));
    door.open();
    expect((await readWhole(disk, NAME))?.equals(patternBytes(3 * MIB, 2))).toBe(true);
    expect((await reading).equals(patternBytes(5 * MIB, 1))).toBe(true);
    older.close();
    expect((await readWhole(disk, NAME))?.equals(patternBytes(3 * MIB, 2))).toBe(true);
  });

  it("takes the patches that were kept with those that are removed", async () => {
    const { disk } = await watchedTier();
    const patches = [patchOf("a/s/o", 1, 2), patchOf("a/s/o", 1, 3), patchOf("a/s/o", 4, 5)];
    for (const name of [NAME, ...patches]) {
      await publish(disk, name, Buffer.from("x"));
      await readWhole(disk, name);
    }
    await disk.removePatches(NAME.key, { only: 1 });
    const left = await Promise.all([NAME, ...patches].map((name) => readWhole(disk, name)));
    expect(left.map(String)).toEqual(["x", "undefined", "undefined", "x"]);
  });
});

describe("a look", () => {
  it("at a file keeps nothing, and goes past what is kept", async () => {
    const { disk, tier } = await watchedTier();
    await publish(disk, NAME, patternBytes(LARGE_BYTES));
    for (let round = 0; round < 2; round += 1) {
      const file = (await disk.open(NAME, "look"))!;
      expect((await file.read(0, LARGE_BYTES)).equals(patternBytes(LARGE_BYTES))).toBe(true);
      file.close();
    }
    expect([disk.opens, tier.heldBytes, tier.counters.misses]).toEqual([2, 0, 0]);
    await readWhole(disk, NAME);
    (await disk.open(NAME, "look"))!.close();
    await readWhole(disk, NAME);
    expect(tier.counters).toMatchObject({ hits: 1, misses: 1 });
  });

  it("sees what others did to the file, and so does everyone after it", async () => {
    const { disk, directory } = await watchedTier();
    const path = `${directory}/a/s/o.arrow`;
    await publish(disk, NAME, Buffer.from("old"));
    await disk.settle();
    expect(String(await readWhole(disk, NAME))).toBe("old");
    fs.writeFileSync(`${path}.aside`, "new");
    fs.renameSync(`${path}.aside`, path);
    (await disk.open(NAME, "look"))!.close();
    expect(String(await readWhole(disk, NAME))).toBe("new");
    fs.unlinkSync(path);
    expect(await disk.open(NAME, "look")).toBeUndefined();
    expect(await disk.open(NAME)).toBeUndefined();
  });
});
