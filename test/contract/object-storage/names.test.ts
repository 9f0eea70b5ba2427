/**
 * What every engine promises of names: no two objects meet, patches stay with their base, and what was removed or
 * put into quarantine is gone without touching its neighbours.
 */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import type { StoredName } from "../../../src/storage/object-storage.ts";
import { named, patchOf, patternBytes, publish, readWhole } from "../../unit/storage/scratch-directory.ts";
import { allOf, dice, ENGINES, KIB } from "./engines.ts";

describe.each(ENGINES)("$engine", ({ started }) => {
  describe("a name", () => {
    it("that holds nothing is a miss and no error", async () => {
      const storage = await started();
      await publish(storage, named("a/s/o"), Buffer.alloc(1));
      const missing: StoredName[] = [
        named("a/s/p"),
        named("a/t/o"),
        named("b/s/o"),
        named("a/s/o", { kind: "stream" }),
        patchOf("a/s/o", 1, 2),
        named(`a/s/${"n".repeat(200)}`),
      ];
      for (const name of missing) {
        expect(await storage.open(name)).toBeUndefined();
        expect(await storage.remove(name)).toBe(false);
        expect(await storage.quarantine(name, "test")).toBeUndefined();
      }
    });

    it("meets no other, whatever characters it holds", async () => {
      const storage = await started();
      const ids = [
        ...[
          "x",
          "X",
          "x.arrow",
          "x.arrows",
          "x.arrow.arrow",
          "x.v3",
          "x.v3.v4",
          "1",
          "1.arrow",
          "x ",
          " x",
          "x.",
        ],
        ...[
          "a:b",
          "a*",
          "**",
          "%2e",
          "-rf",
          "~",
          "$HOME",
          "'\"",
          "é",
          "e\u0301",
          "\ufffd",
          "日本語",
          "😀",
          "con",
        ],
        ...["staging", "version-floor", "__proto__", "constructor", "z".repeat(200), "é".repeat(100)],
      ];
      const names = ids.flatMap((id) => [
        named(`a/s/${id}`),
        named(`a/s/${id}`, { kind: "stream" }),
        patchOf(`a/s/${id}`, 3, 4),
        patchOf(`a/s/${id}`, 4, 5),
        named(`${id}/s/o`),
        named(`a/${id}/o`),
      ]);
      for (const name of names) await publish(storage, name, Buffer.from(JSON.stringify(name)));
      for (const name of names) {
        expect(JSON.parse(String(await readWhole(storage, name)))).toEqual(name);
      }
      const found = (await allOf(storage.scan())).flatMap((session) => session.names);
      expect(new Set(found.map((name) => JSON.stringify(name)))).toEqual(
        new Set(names.map((name) => JSON.stringify(name))),
      );
      expect(found).toHaveLength(new Set(names.map((name) => JSON.stringify(name))).size);
    });
  });

  describe("patches", () => {
    it("are listed by number, ascending, each under its own base", async () => {
      const storage = await started();
      const highest = LIMITS.versionMax;
      for (const version of [10, 2, highest, 9, 100]) {
        await publish(storage, patchOf("a/s/o", 1, version), Buffer.from(`${version}`));
      }
      await publish(storage, patchOf("a/s/o", 7, 8), Buffer.from("other"));
      expect(await storage.listPatches(named("a/s/o").key, 1)).toEqual([2, 9, 10, 100, highest]);
      expect(await storage.listPatches(named("a/s/o").key, 7)).toEqual([8]);
      expect(await storage.listPatches(named("a/s/o").key, 2)).toEqual([]);
      expect(await storage.listPatches(named("b/s/o").key, 1)).toEqual([]);
      expect(String(await readWhole(storage, patchOf("a/s/o", 1, highest)))).toBe(`${highest}`);
    });

    const left = { only: [1, 5], allBut: [3], all: [] };
    it.each([
      { title: "one base", which: { only: 3 }, expected: left.only },
      { title: "every base but one", which: { allBut: 3 }, expected: left.allBut },
      { title: "every base", which: { allBut: undefined }, expected: left.all },
    ])("of $title are removed and no others", async ({ which, expected }) => {
      const storage = await started();
      const { key } = named("a/s/o");
      await publish(storage, named("a/s/o"), Buffer.from("base"));
      await publish(storage, patchOf("a/s/o.v3", 3, 4), Buffer.from("other object"));
      for (const base of [1, 3, 5]) {
        await publish(storage, patchOf("a/s/o", base, base + 1), Buffer.from("patch"));
        await publish(storage, patchOf("a/s/o", base, base + 2), Buffer.from("patch"));
      }
      await storage.removePatches(key, which);
      const lists = await Promise.all([1, 3, 5].map((base) => storage.listPatches(key, base)));
      expect([1, 3, 5].filter((_, i) => lists[i]?.length === 2)).toEqual(expected);
      expect(await storage.listPatches(named("a/s/o.v3").key, 3)).toEqual([4]);
      expect(String(await readWhole(storage, named("a/s/o")))).toBe("base");
    });

    it("that are not there are removed without an error", async () => {
      const storage = await started();
      await storage.removePatches(named("a/s/o").key, { only: 1 });
      await storage.removePatches(named("a/s/o").key, { allBut: undefined });
      expect(await allOf(storage.scan())).toEqual([]);
    });
  });

  describe("removing", () => {
    it("says whether there was anything", async () => {
      const storage = await started();
      await publish(storage, named("a/s/o"), Buffer.alloc(1));
      expect(await storage.remove(named("a/s/o"))).toBe(true);
      expect(await storage.remove(named("a/s/o"))).toBe(false);
      expect(await storage.open(named("a/s/o"))).toBeUndefined();
    });

    it("takes one part of an object and leaves the others", async () => {
      const storage = await started();
      const parts = [named("a/s/o"), named("a/s/o", { kind: "stream" }), patchOf("a/s/o", 1, 2)];
      for (const name of parts) await publish(storage, name, Buffer.from(name.part.kind));
      expect(await storage.remove(parts[0]!)).toBe(true);
      expect(await storage.open(parts[0]!)).toBeUndefined();
      expect(String(await readWhole(storage, parts[1]!))).toBe("stream");
      expect(String(await readWhole(storage, parts[2]!))).toBe("patch");
    });

    it("of the last object takes its session and application with it", async () => {
      const storage = await started();
      await publish(storage, named("a/s/o"), Buffer.alloc(1));
      await publish(storage, patchOf("a/s/o", 1, 2), Buffer.alloc(1));
      await storage.remove(named("a/s/o"));
      expect(await storage.listSessions("a")).toEqual(["s"]);
      await storage.removePatches(named("a/s/o").key, { only: 1 });
      expect(await storage.listSessions("a")).toEqual([]);
    });

    it("never makes a publish into the same session fail", async () => {
      const storage = await started();
      const roll = dice(5);
      const work = Array.from({ length: 300 }, async (_, i) => {
        const name = named(`a/s${roll(3)}/o${i}`);
        await publish(storage, name, patternBytes(100 + (i % 3) * 400 * KIB));
        expect(await storage.remove(name)).toBe(true);
      });
      await Promise.all(work);
      expect(await allOf(storage.scan())).toEqual([]);
      expect(await storage.listSessions("a")).toEqual([]);
    });
  });

  it("takes a damaged file out of the way and nothing else", async () => {
    const storage = await started();
    await publish(storage, named("a/s/bad"), Buffer.from("bad"));
    await publish(storage, named("a/s/good"), Buffer.from("good"));
    await storage.quarantine(named("a/s/bad"), "checksum differs");
    expect(await storage.open(named("a/s/bad"))).toBeUndefined();
    expect(String(await readWhole(storage, named("a/s/good")))).toBe("good");
    expect(await storage.scanSession("a", "s")).toMatchObject({ names: [named("a/s/good")] });
    await publish(storage, named("a/s/bad"), Buffer.from("new"));
    expect(String(await readWhole(storage, named("a/s/bad")))).toBe("new");
  });
});
