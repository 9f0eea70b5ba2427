/**
 * What every engine promises of a published file: it is whole, it never changes under its reader, and a range of it
 * is exactly that range.
 */
import { describe, expect, it } from "vitest";
import { named, patternBytes, publish, readWhole } from "../../unit/storage/scratch-directory.ts";
import { dice, ENGINES, KIB, MIB } from "./engines.ts";

describe.each(ENGINES)("$engine", ({ started }) => {
  describe("a published file", () => {
    it.each([1000, 3 * MIB])(
      "of %i bytes is kept by its reader when it is replaced or removed",
      async (sizeBytes) => {
        const storage = await started();
        const name = named("a/s/o");
        await publish(storage, name, patternBytes(sizeBytes, 1));
        const first = (await storage.open(name))!;
        await publish(storage, name, patternBytes(sizeBytes, 2));
        const second = (await storage.open(name))!;
        await storage.remove(name);
        expect((await first.read(0, sizeBytes)).equals(patternBytes(sizeBytes, 1))).toBe(true);
        expect((await second.read(0, sizeBytes)).equals(patternBytes(sizeBytes, 2))).toBe(true);
        expect(await storage.open(name)).toBeUndefined();
        first.close();
        second.close();
      },
    );

    it("does not change when the caller reuses the buffers it appended", async () => {
      const storage = await started();
      const bytes = patternBytes(500);
      await publish(storage, named("a/s/o"), bytes);
      bytes.fill(0);
      expect((await readWhole(storage, named("a/s/o")))?.equals(patternBytes(500))).toBe(true);
    });

    it("gives exactly the range that is asked for", async () => {
      const storage = await started();
      const bytes = patternBytes(20 * MIB);
      await publish(storage, named("a/s/o"), bytes);
      const file = (await storage.open(named("a/s/o")))!;
      const roll = dice(3);
      for (const lengthBytes of [0, 1, 10, 70 * KIB, 300 * KIB, MIB, 10 * MIB]) {
        for (const position of [0, 2 * MIB - 5, roll(9 * MIB), bytes.length - lengthBytes]) {
          const range = await file.read(position, lengthBytes);
          expect(range.equals(bytes.subarray(position, position + lengthBytes))).toBe(true);
        }
      }
      file.close();
    });

    it("is OBJECT_CORRUPT to who asks for more than it holds", async () => {
      const storage = await started();
      await publish(storage, named("a/s/o"), patternBytes(100));
      const file = (await storage.open(named("a/s/o")))!;
      await expect(file.read(50, 51)).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
      await expect(file.read(5000, 1)).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
      file.close();
    });

    it("may be closed twice, and under a read", async () => {
      const storage = await started();
      await publish(storage, named("a/s/o"), patternBytes(3 * MIB));
      const file = (await storage.open(named("a/s/o")))!;
      const reads = [1, 2, 3].map((mib) => file.read(0, mib * MIB));
      file.close();
      file.close();
      expect((await Promise.all(reads))[2]?.equals(patternBytes(3 * MIB))).toBe(true);
      await expect(file.read(0, 1)).rejects.toThrow("assertion failed");
    });

    it("is one whole file when many publish one name at once", async () => {
      const storage = await started();
      const sizes = Array.from({ length: 40 }, (_, i) => 100 + i * 13 * KIB);
      await Promise.all(sizes.map((size) => publish(storage, named("a/s/o"), patternBytes(size, size))));
      const read = (await readWhole(storage, named("a/s/o")))!;
      expect(sizes).toContain(read.length);
      expect(read.equals(patternBytes(read.length, read.length))).toBe(true);
    });
  });
});
