/**
 * What every engine promises of a file that is being written: nothing is lost, nothing shows before it is published,
 * nothing stays of what is discarded, and no buffer of a caller is written to.
 */
import { describe, expect, it } from "vitest";
import { named, patternBytes, publish, readWhole } from "../../unit/storage/scratch-directory.ts";
import { allOf, cut, dice, ENGINES, KIB, MIB } from "./engines.ts";

describe.each(ENGINES)("$engine", ({ started }) => {
  describe("a staged file", () => {
    it.each([0, 1, 1500, 64 * KIB, 128 * KIB, 128 * KIB + 1, MIB - 1, MIB, 2 * MIB + 1, 9 * MIB + 5])(
      "of %i bytes reads back as it was appended",
      async (sizeBytes) => {
        const storage = await started();
        const bytes = patternBytes(sizeBytes);
        const staged = storage.stage();
        for (const chunk of cut(bytes, 40 * KIB)) await staged.append([chunk]);
        expect(staged.sizeBytes).toBe(sizeBytes);
        await staged.publish(named("a/s/o"));
        const read = await readWhole(storage, named("a/s/o"));
        expect(read?.equals(bytes)).toBe(true);
      },
    );

    it("takes thousands of chunks at once, also empty ones", async () => {
      const storage = await started();
      const bytes = patternBytes(200 * KIB);
      const staged = storage.stage();
      await staged.append(cut(bytes, 40));
      await staged.publish(named("a/s/o"));
      expect((await readWhole(storage, named("a/s/o")))?.equals(bytes)).toBe(true);
    });

    it("takes a chunk that is larger than any buffer", async () => {
      const storage = await started();
      const bytes = patternBytes(40 * MIB);
      await publish(storage, named("a/s/o"), bytes);
      expect((await readWhole(storage, named("a/s/o")))?.equals(bytes)).toBe(true);
    });

    it("is invisible until it is published", async () => {
      const storage = await started();
      const staged = storage.stage();
      await staged.append([patternBytes(3 * MIB)]);
      expect(await storage.open(named("a/s/o"))).toBeUndefined();
      expect(await allOf(storage.scan())).toEqual([]);
      expect(await storage.listSessions("a")).toEqual([]);
      await staged.discard();
    });

    it("leaves nothing when discarded, however often", async () => {
      const storage = await started();
      const staged = storage.stage();
      await staged.append([patternBytes(3 * MIB)]);
      await Promise.all([staged.discard(), staged.discard()]);
      await staged.discard();
      expect(await allOf(storage.scan())).toEqual([]);
    });

    it("may be discarded while an append waits", async () => {
      const storage = await started();
      const staged = storage.stage();
      const appends = [1, 2, 3].map((seed) => staged.append([patternBytes(2 * MIB, seed)]));
      await staged.discard();
      await Promise.all(appends);
      expect(await allOf(storage.scan())).toEqual([]);
    });

    it("stays published when discarded afterwards, or while it is being published", async () => {
      const storage = await started();
      const staged = storage.stage();
      await staged.append([patternBytes(3 * MIB)]);
      const published = staged.publish(named("a/s/o"));
      await staged.discard();
      await published;
      await staged.discard();
      expect((await readWhole(storage, named("a/s/o")))?.length).toBe(3 * MIB);
    });

    it("meets no other staged file", async () => {
      const storage = await started();
      const files = [1, 2, 3, 4].map((seed) => ({ seed, staged: storage.stage() }));
      for (const round of [0, 1, 2]) {
        for (const { seed, staged } of files)
          await staged.append([patternBytes(700 * KIB, seed * 10 + round)]);
      }
      await Promise.all(files.map(({ seed, staged }) => staged.publish(named(`a/s/${seed}`))));
      for (const { seed } of files) {
        const expected = Buffer.concat([0, 1, 2].map((round) => patternBytes(700 * KIB, seed * 10 + round)));
        expect((await readWhole(storage, named(`a/s/${seed}`)))?.equals(expected)).toBe(true);
      }
    });

    it("refuses bytes and a second publish once it was published", async () => {
      const storage = await started();
      const staged = storage.stage();
      await staged.publish(named("a/s/o"));
      expect(() => staged.append([Buffer.alloc(1)])).toThrow("assertion failed");
      expect(() => staged.overwrite(0, Buffer.alloc(0))).toThrow("assertion failed");
      await expect((async () => staged.publish(named("a/s/o")))()).rejects.toThrow("assertion failed");
    });
  });

  describe("overwriting", () => {
    it.each([2000, 300 * KIB, 5 * MIB])(
      "changes any span of %i appended bytes and no other",
      async (sizeBytes) => {
        const storage = await started();
        const roll = dice(sizeBytes);
        const expected = patternBytes(sizeBytes);
        const staged = storage.stage();
        for (const chunk of cut(Buffer.from(expected), 100 * KIB)) {
          await staged.append([chunk]);
          const position = roll(staged.sizeBytes);
          const span = patternBytes(roll(Math.min(5000, staged.sizeBytes - position) + 1), position);
          await staged.overwrite(position, span);
          expected.set(span, position);
          span.fill(0);
        }
        await staged.overwrite(0, Buffer.from("head"));
        expected.set(Buffer.from("head"), 0);
        await staged.publish(named("a/s/o"));
        expect((await readWhole(storage, named("a/s/o")))?.equals(expected)).toBe(true);
      },
    );

    it("covers everything that was appended, from first to last byte", async () => {
      const storage = await started();
      const staged = storage.stage();
      await staged.append([Buffer.from("abc"), Buffer.from("def")]);
      await staged.overwrite(0, Buffer.from("ABCDEF"));
      await staged.publish(named("a/s/o"));
      expect(String(await readWhole(storage, named("a/s/o")))).toBe("ABCDEF");
    });

    it.each([100, 100 * KIB, 3 * MIB])(
      "never writes to the %i bytes a caller appended",
      async (sizeBytes) => {
        const storage = await started();
        const bytes = patternBytes(sizeBytes);
        const staged = storage.stage();
        await staged.append([bytes]);
        await staged.overwrite(10, Buffer.alloc(50, 0xee));
        await staged.publish(named("a/s/o"));
        expect(bytes.equals(patternBytes(sizeBytes))).toBe(true);
      },
    );

    it("refuses bytes that were not appended", async () => {
      const storage = await started();
      const staged = storage.stage();
      await staged.append([Buffer.alloc(10)]);
      expect(() => staged.overwrite(8, Buffer.alloc(3))).toThrow("assertion failed");
      await staged.discard();
    });
  });
});
