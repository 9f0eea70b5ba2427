/**
 * What every storage engine promises (src/storage/object-storage.ts), held against each of them.
 *
 * What only the disk does is in test/unit/storage; what it does when it dies is in test/crash.
 */
import { describe, expect, it, onTestFinished } from "vitest";
import { DiskStorage } from "../../src/storage/disk/disk-storage.ts";
import { MemoryStorage } from "../../src/storage/memory-storage.ts";
import type { ObjectStorage, StoredName } from "../../src/storage/object-storage.ts";
import {
  named,
  patchOf,
  patternBytes,
  publish,
  readWhole,
  scratchDirectory,
} from "../unit/storage/scratch-directory.ts";

const ENGINES: { engine: string; make: () => ObjectStorage }[] = [
  { engine: "DiskStorage", make: () => new DiskStorage({ directory: scratchDirectory() }) },
  { engine: "MemoryStorage", make: () => new MemoryStorage() },
];

const KIB = 1024;
const MIB = 1024 * KIB;

/** A fixed stream of numbers from 0 up to a limit. */
function dice(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** `bytes` cut into chunks of varying size, each a view. */
function cut(bytes: Buffer, sizeBytesMax: number, seed = 7): Buffer[] {
  const roll = dice(seed);
  const chunks: Buffer[] = [];
  for (let position = 0; position < bytes.length; ) {
    const end = Math.min(bytes.length, position + roll(sizeBytesMax + 1));
    chunks.push(bytes.subarray(position, end));
    position = end;
  }
  return chunks;
}

async function allOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe.each(ENGINES)("$engine", ({ make }) => {
  async function started(): Promise<ObjectStorage> {
    const storage = make();
    await storage.start();
    onTestFinished(() => storage.stop());
    return storage;
  }

  describe("a staged file", () => {
    it.each([0, 1, 1500, 64 * KIB, 64 * KIB + 1, MIB - 1, MIB, 2 * MIB + 1, 9 * MIB + 5])(
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

  describe("a name", () => {
    it("that holds nothing is a miss and no error", async () => {
      const storage = await started();
      await publish(storage, named("a/s/o"), Buffer.alloc(1));
      const missing: StoredName[] = [
        named("a/s/p"),
        named("a/t/o"),
        named("b/s/o"),
        named("a/s/o/x"),
        named("a/s/o", { kind: "stream" }),
        patchOf("a/s/o", 1, 2),
        named(`a/s/${"n".repeat(200)}`),
      ].slice(0, 7);
      for (const name of missing.filter((each) => each.key.objectId !== "o" || each.part.kind !== "file")) {
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
      const highest = Number.MAX_SAFE_INTEGER;
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

  describe("finding", () => {
    it("gives every session with all it holds", async () => {
      const storage = await started();
      const names = [
        named("a/s/o"),
        named("a/s/p", { kind: "stream" }),
        patchOf("a/s/o", 1, 2),
        named("a/t/o"),
        named("b/s/o"),
      ];
      for (const name of names) await publish(storage, name, Buffer.alloc(1));
      const sessions = await allOf(storage.scan());
      expect(sessions.map((each) => `${each.applicationId}/${each.sessionId}`).sort()).toEqual([
        "a/s",
        "a/t",
        "b/s",
      ]);
      const found = sessions.flatMap((session) => session.names);
      expect(found).toHaveLength(names.length);
      expect(found).toEqual(expect.arrayContaining(names));
    });

    it("looks into one session, and lists one application's", async () => {
      const storage = await started();
      for (const key of ["a/s/o", "a/t/o", "b/u/o"]) await publish(storage, named(key), Buffer.alloc(1));
      expect(await storage.scanSession("a", "t")).toEqual({
        applicationId: "a",
        sessionId: "t",
        names: [named("a/t/o")],
      });
      expect(await storage.scanSession("a", "u")).toBeUndefined();
      expect(await storage.scanSession("c", "s")).toBeUndefined();
      expect((await storage.listSessions("a")).sort()).toEqual(["s", "t"]);
      expect(await storage.listSessions("c")).toEqual([]);
    });

    it("goes on while objects come and go", async () => {
      const storage = await started();
      const keys = Array.from({ length: 60 }, (_, i) => `a${i % 3}/s${i % 5}/o${i}`);
      for (const key of keys) await publish(storage, named(key), Buffer.alloc(1));
      let scanned = 0;
      for await (const session of storage.scan()) {
        scanned += 1;
        for (const name of session.names) await storage.remove(name);
        await publish(storage, named(`a0/s0/new${scanned}`), Buffer.alloc(1));
      }
      expect(scanned).toBeGreaterThan(0);
    });

    it("may be broken off", async () => {
      const storage = await started();
      for (const key of ["a/s/o", "a/t/o", "b/s/o"]) await publish(storage, named(key), Buffer.alloc(1));
      const sessions = storage.scan()[Symbol.asyncIterator]();
      expect((await sessions.next()).done).toBe(false);
      await sessions.return?.();
      expect((await sessions.next()).done).toBe(true);
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

  it("has a version floor that begins at 0 and never falls", async () => {
    const storage = await started();
    expect(storage.versionFloor).toBe(0);
    await storage.raiseVersionFloor(7);
    await storage.raiseVersionFloor(3);
    expect(storage.versionFloor).toBe(7);
    await Promise.all([9, 30, 12, 30, 8].map((version) => storage.raiseVersionFloor(version)));
    expect(storage.versionFloor).toBe(30);
  });
});
