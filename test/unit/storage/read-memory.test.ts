import { describe, expect, it } from "vitest";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import type { StoredFile } from "../../../src/storage/object-storage.ts";
import { patternBytes, scratchDirectory } from "./scratch-directory.ts";

const PIECE_BYTES = 600_000;
const name = { key: parseObjectKey("a/s/o"), part: { kind: "file" } } as const;
const content = patternBytes(3 * PIECE_BYTES);

async function withFile(use: (open: () => Promise<StoredFile>) => Promise<void>): Promise<void> {
  const storage = new DiskStorage({ directory: scratchDirectory() });
  await storage.start();
  try {
    const staged = storage.stage();
    await staged.append([content]);
    await staged.publish(name);
    await use(async () => (await storage.open(name))!);
  } finally {
    await storage.stop();
  }
}

const piece = (file: StoredFile, index: number) => file.read(index * PIECE_BYTES, PIECE_BYTES);
const expected = (index: number) => content.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES);

describe("the memory of what was read", () => {
  it("is used again when the reader gives it back", () =>
    withFile(async (open) => {
      const file = await open();
      const first = await piece(file, 0);
      file.giveBack!(first);
      const second = await piece(file, 1);
      expect(second.buffer === first.buffer).toBe(true);
      expect(second.equals(expected(1))).toBe(true);
      file.close();
    }));

  it("stays the reader's until then", () =>
    withFile(async (open) => {
      const file = await open();
      const first = await piece(file, 0);
      const second = await piece(file, 1);
      expect(first.equals(expected(0))).toBe(true);
      expect(second.equals(expected(1))).toBe(true);
      file.close();
    }));

  it("is used again when the file is closed by a reader that is done, and not otherwise", () =>
    withFile(async (open) => {
      const undone = await open();
      const kept = await piece(undone, 0);
      undone.close();
      const done = await open();
      const given = await piece(done, 1);
      expect(given.buffer === kept.buffer).toBe(false);
      done.close(true);
      const third = await open();
      expect((await piece(third, 2)).buffer === given.buffer).toBe(true);
      expect(kept.equals(expected(0))).toBe(true);
      third.close();
    }));

  it("is given back once, however often that is said", () =>
    withFile(async (open) => {
      const file = await open();
      const first = await piece(file, 0);
      file.giveBack!(first);
      file.giveBack!(first);
      const [second, third] = [await piece(file, 1), await piece(file, 2)];
      expect(second.equals(expected(1))).toBe(true);
      expect(third.equals(expected(2))).toBe(true);
      file.close();
    }));
});
