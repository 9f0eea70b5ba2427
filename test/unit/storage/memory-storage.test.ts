import { describe, expect, it } from "vitest";
import { MemoryStorage } from "../../../src/storage/memory-storage.ts";
import { named, patchOf, patternBytes, publish, readWhole } from "./scratch-directory.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** A view of `sizeBytes` in the middle of a socket's buffer. */
function arrivedChunk(sizeBytes: number, seed: number): Buffer {
  const received = patternBytes(64 * KIB, seed);
  return received.subarray(100, 100 + sizeBytes);
}

describe("held bytes", () => {
  it("are those of published files, through replacement, removal and quarantine", async () => {
    const storage = new MemoryStorage();
    const staged = storage.stage();
    staged.append([Buffer.alloc(500)]);
    expect(storage.heldBytes).toBe(0);
    await staged.publish(named("a/s/o"));
    await publish(storage, named("a/s/o", { kind: "stream" }), Buffer.alloc(7));
    await publish(storage, patchOf("a/s/o", 1, 2), Buffer.alloc(20));
    await publish(storage, patchOf("a/s/o", 3, 4), Buffer.alloc(1000));
    expect(storage.heldBytes).toBe(1527);
    await publish(storage, named("a/s/o"), Buffer.alloc(3 * MIB));
    expect(storage.heldBytes).toBe(3 * MIB + 1027);
    await storage.removePatches(named("a/s/o").key, { allBut: 3 });
    expect(storage.heldBytes).toBe(3 * MIB + 1007);
    await storage.quarantine(patchOf("a/s/o", 3, 4), "test");
    await storage.remove(named("a/s/o"));
    await storage.remove(named("a/s/o"));
    expect(storage.heldBytes).toBe(7);
  });

  it("are none of a discarded file", async () => {
    const storage = new MemoryStorage();
    const staged = storage.stage();
    staged.append([Buffer.alloc(3 * MIB)]);
    await staged.discard();
    expect(storage.heldBytes).toBe(0);
  });
});

describe("what is kept", () => {
  it.each([1, 1000, 60 * KIB, 64 * KIB, MIB, 2 * MIB, 5 * MIB])(
    "of a file of %i bytes is memory of exactly its size",
    async (sizeBytes) => {
      const storage = new MemoryStorage();
      const staged = storage.stage();
      for (let left = sizeBytes, seed = 0; left > 0; left -= 16 * KIB, seed++) {
        staged.append([arrivedChunk(Math.min(left, 16 * KIB), seed)]);
      }
      await staged.publish(named("a/s/o"));
      const file = (await storage.open(named("a/s/o")))!;
      const buffers = new Set<ArrayBufferLike>();
      for (let position = 0; position < sizeBytes; position += 1000) {
        buffers.add((await file.read(position, 1)).buffer);
      }
      const keptBytes = [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0);
      expect(keptBytes).toBe(sizeBytes);
    },
  );

  it("is read as views, not copies, also of an object of 1 MiB with its head", async () => {
    const storage = new MemoryStorage();
    await publish(storage, named("a/s/o"), patternBytes(MIB + 700));
    const file = (await storage.open(named("a/s/o")))!;
    const [first, second] = [await file.read(0, MIB), await file.read(300, MIB)];
    expect(first.buffer).toBe(second.buffer);
    expect(second.byteOffset - first.byteOffset).toBe(300);
  });
});

describe("memory that an object leaves", () => {
  const memoryOf = async (storage: MemoryStorage, name: string): Promise<ArrayBufferLike> => {
    const file = (await storage.open(named(name)))!;
    const { buffer } = await file.read(0, 1);
    file.close(true);
    return buffer;
  };

  it("is used for the next object of its size", async () => {
    const storage = new MemoryStorage();
    await publish(storage, named("a/s/o"), patternBytes(MIB + 700, 1));
    const memory = await memoryOf(storage, "a/s/o");
    await publish(storage, named("a/s/o"), patternBytes(MIB + 700, 2));
    await publish(storage, named("a/s/next"), patternBytes(MIB + 700, 3));
    expect(await memoryOf(storage, "a/s/next")).toBe(memory);
    expect((await readWhole(storage, named("a/s/o")))?.equals(patternBytes(MIB + 700, 2))).toBe(true);
    expect((await readWhole(storage, named("a/s/next")))?.equals(patternBytes(MIB + 700, 3))).toBe(true);
  });

  it("is never used again while a reader has not said that nobody reads it", async () => {
    const storage = new MemoryStorage();
    await publish(storage, named("a/s/o"), patternBytes(MIB + 700, 1));
    const file = (await storage.open(named("a/s/o")))!;
    const bytes = await file.read(0, MIB);
    await storage.remove(named("a/s/o"));
    file.close(false);
    await publish(storage, named("a/s/next"), patternBytes(MIB + 700, 2));
    expect(bytes.equals(patternBytes(MIB + 700, 1).subarray(0, MIB))).toBe(true);
  });

  it("is kept as far as the bound has room for it, the sizes that came last before all others", async () => {
    const storage = new MemoryStorage({ bytesMax: 5 * MIB });
    const memories: ArrayBufferLike[] = [];
    for (let object = 0; object < 6; object += 1) {
      await publish(storage, named(`a/s/${object}`), patternBytes(MIB + object));
      memories.push(await memoryOf(storage, `a/s/${object}`));
    }
    for (let object = 0; object < 6; object += 1) await storage.remove(named(`a/s/${object}`));
    // Memory that was given up was moved elsewhere.
    expect(memories.map((memory) => memory.byteLength > 0)).toEqual([false, false, true, true, true, true]);
  });
});

describe("what objects may take", () => {
  it.each([
    ["all of a small bound", 31 * MIB, 31 * MIB],
    ["fifteen sixteenths of a larger one, in whole slabs", 100 * MIB, 94 * MIB],
    ["all but 16 MiB of a large one", 8192 * MIB, 8176 * MIB],
    ["anything without a bound", Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ])("is %s", (_, bytesMax, expected) => {
    expect(new MemoryStorage({ bytesMax }).objectBytesMax).toBe(expected);
  });
});

it("stopping forgets nothing, and no two engines share anything", async () => {
  const storage = new MemoryStorage();
  await publish(storage, named("a/s/o"), Buffer.from("x"));
  await storage.stop();
  await storage.start();
  expect(String(await readWhole(storage, named("a/s/o")))).toBe("x");
  expect(await readWhole(new MemoryStorage(), named("a/s/o"))).toBeUndefined();
});
