/**
 * The memory that a value of 1 GiB takes on its way from the store to a client and to the local disk,
 * and from the local disk to a client.
 */
import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect, it, onTestFinished, vi } from "vitest";
import { RangeMemory } from "../../src/storage/s3/blob-ranges.ts";
import { BlobReader } from "../../src/storage/s3/blob-reader.ts";
import { MIB, openCopies } from "../unit/storage/copies/copied-blobs.ts";
import { scratchDirectory } from "../unit/storage/scratch-directory.ts";

const SIZE = 1024 * MIB;
/** Ranges of one reader, what waits for the disk, pieces, and garbage. */
const MEMORY_MAX = 160 * MIB;
const pattern = randomBytes(8 * MIB);

/** Bytes that repeat each 8 MiB, made when they are requested. */
function bytesAt(position: number, lengthBytes: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(lengthBytes);
  for (let done = 0; done < lengthBytes; ) {
    done += pattern.copy(bytes, done, (position + done) % pattern.length);
  }
  return bytes;
}

it("is bounded, with a copy and from the copy", async () => {
  // The store is memory, and a disk that is slower than half of that makes no copy: time stands still.
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const copies = await openCopies({ directory: scratchDirectory(), bytesMax: 4 * SIZE });
  let sum = 0;
  for (let position = 0; position < SIZE; position += pattern.length) sum = crc32(pattern, sum);
  const span = { kind: "blob", id: "1", sizeBytes: SIZE, crc32: sum } as const;
  let requests = 0;
  const fetch = async (position: number, lengthBytes: number): Promise<Buffer> => {
    requests += 1;
    return bytesAt(position, lengthBytes);
  };
  const before = process.memoryUsage().rss;
  let peak = 0;
  for (let round = 0; round < 2; round += 1) {
    const reader = new BlobReader(span, "large", fetch, { memory: new RangeMemory(), copies });
    for (let position = 0; position < SIZE; position += MIB) {
      const piece = await reader.read(position, MIB);
      expect(piece.compare(pattern, position % pattern.length, (position % pattern.length) + MIB)).toBe(0);
      reader.giveBack(piece);
      peak = Math.max(peak, process.memoryUsage().rss);
    }
    reader.close();
    await copies.idle();
  }
  expect(requests).toBe(131);
  expect(copies.counts).toMatchObject({ hits: 1, misses: 1, copies: 1 });
  expect(peak - before).toBeLessThan(MEMORY_MAX);
});
