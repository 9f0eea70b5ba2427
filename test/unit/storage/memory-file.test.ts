import { describe, expect, it } from "vitest";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { MemoryStorage } from "../../../src/storage/memory-storage.ts";
import { patternBytes } from "./scratch-directory.ts";

const MIB = 1024 * 1024;
const name = { key: parseObjectKey("a/s/o"), part: { kind: "file" } } as const;

async function publish(storage: MemoryStorage, bytes: Buffer): Promise<void> {
  const staged = storage.stage();
  for (let start = 0; start < bytes.length; start += 16_384)
    staged.append([bytes.subarray(start, start + 16_384)]);
  await staged.publish(name);
}

/** The memory behind what stands there now. */
async function memoryOf(storage: MemoryStorage, bytesAreDone: boolean): Promise<ArrayBufferLike[]> {
  const file = (await storage.open(name))!;
  const memory: ArrayBufferLike[] = [];
  for (let position = 0; position < file.sizeBytes; position += file.contiguousBytes!(position)) {
    memory.push((await file.read(position, 16)).buffer);
  }
  file.close(bytesAreDone);
  return memory;
}

const inBoth = (a: readonly ArrayBufferLike[], b: readonly ArrayBufferLike[]) =>
  a.filter((one) => b.includes(one));

describe("the memory of large files", () => {
  it("is used again when the file was replaced and nobody reads it any more", async () => {
    const storage = new MemoryStorage();
    await publish(storage, patternBytes(6 * MIB));
    const first = await memoryOf(storage, true);
    await publish(storage, patternBytes(6 * MIB));
    await publish(storage, patternBytes(6 * MIB));
    expect(inBoth(first, await memoryOf(storage, true))).toHaveLength(3);
  });

  it("is never used again when somebody may still read it", async () => {
    const storage = new MemoryStorage();
    await publish(storage, patternBytes(6 * MIB));
    const first = await memoryOf(storage, false);
    for (let round = 0; round < 4; round += 1) {
      await publish(storage, patternBytes(6 * MIB));
      expect(inBoth(first, await memoryOf(storage, true))).toEqual([]);
    }
  });

  it("is not used again while a reader has the file open, and then only once", async () => {
    const storage = new MemoryStorage();
    const bytes = patternBytes(6 * MIB);
    await publish(storage, bytes);
    const reader = (await storage.open(name))!;
    for (let round = 0; round < 4; round += 1) await publish(storage, Buffer.alloc(6 * MIB, round));
    expect((await reader.read(0, bytes.length)).equals(bytes)).toBe(true);
    reader.close(true);
    reader.close(true);
    await publish(storage, Buffer.alloc(6 * MIB, 9));
    const second = storage.stage();
    second.append([Buffer.alloc(6 * MIB, 10)]);
    const now = (await storage.open(name))!;
    expect((await now.read(0, 6 * MIB)).equals(Buffer.alloc(6 * MIB, 9))).toBe(true);
    await second.discard();
  });

  it("tells how far a read is a view", async () => {
    const storage = new MemoryStorage();
    const bytes = patternBytes(5 * MIB);
    await publish(storage, bytes);
    const file = (await storage.open(name))!;
    let position = 0;
    const buffers = new Set<ArrayBufferLike>();
    while (position < file.sizeBytes) {
      const piece = await file.read(position, file.contiguousBytes!(position));
      expect(piece.equals(bytes.subarray(position, position + piece.length))).toBe(true);
      expect(buffers.has(piece.buffer)).toBe(false);
      buffers.add(piece.buffer);
      position += piece.length;
    }
    expect(buffers.size).toBe(3);
  });
});
