/**
 * The tier's bound: at every moment, whatever comes at once, and whoever goes without a word.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openPolicy } from "../../../../src/eviction/open-policy.ts";
import { LIMITS } from "../../../../src/limits.ts";
import type { StoredFile } from "../../../../src/storage/object-storage.ts";
import { named, patternBytes, publish, readWhole } from "../scratch-directory.ts";
import { gate, KIB, MIB, readAndDone, type WatchedTier, watchedTier } from "./tier-fixture.ts";

/** Contents are pieces of it, each with a beginning of its own. */
const PATTERN = patternBytes(4 * MIB);

/** One reader of one version of a file. */
interface Reader {
  readonly file: StoredFile;
  readonly content: Buffer;
  readonly reads: { readonly position: number; readonly bytes: Promise<Buffer> }[];
}

/** Random calls on a tier, none of them waited for before the next; what was read is compared when a reader leaves. */
class BusyTier {
  readonly #watched: WatchedTier;
  readonly #contents = new Map<number, Buffer>();
  readonly #readers: Reader[] = [];

  constructor(watched: WatchedTier) {
    this.#watched = watched;
  }

  async publish(file: number, sizeBytes: number, seed: number): Promise<void> {
    const content = PATTERN.subarray(seed * 97, seed * 97 + sizeBytes);
    const name = named(`a/s/${file}`);
    await publish(this.#watched.disk, name, content);
    this.#watched.tier.put(name, { revision: `${seed}`, sizeBytes }, [content]);
    this.#contents.set(file, content);
  }

  async open(file: number): Promise<void> {
    const opened = await this.#watched.disk.open(named(`a/s/${file}`));
    const content = this.#contents.get(file);
    expect(opened?.sizeBytes).toBe(content?.length);
    if (opened && content) this.#readers.push({ file: opened, content, reads: [] });
  }

  read(reader: number, part: number): void {
    const found = this.#readers[reader % Math.max(1, this.#readers.length)];
    if (!found) return;
    const position = Math.floor(found.content.length * part);
    const lengthBytes = Math.min(found.content.length - position, 700 * KIB);
    const bytes = found.file.read(position, lengthBytes);
    bytes.catch(() => {});
    found.reads.push({ position, bytes });
  }

  async close(reader: number, isDone: boolean): Promise<void> {
    const [found] = this.#readers.splice(reader % Math.max(1, this.#readers.length), 1);
    for (const { position, bytes } of found?.reads ?? []) {
      const read = await bytes;
      expect(read.equals(found!.content.subarray(position, position + read.length))).toBe(true);
    }
    found?.file.close(isDone);
  }

  async end(): Promise<void> {
    while (this.#readers.length > 0) await this.close(0, true);
  }
}

const file = fc.nat(9);
const step = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("publish" as const),
      file,
      sizeKib: fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 65, max: 3000 })),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("open" as const), file }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("read" as const),
      reader: fc.nat(99),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("close" as const), reader: fc.nat(99), isDone: fc.boolean() }),
  },
);

describe("what the tier holds", () => {
  it.each(["lru", "s3-fifo", "adaptive"] as const)(
    "never is more than it may be, and what is read is right, whatever happens at once (%s)",
    { timeout: 60_000 },
    (policy) =>
      fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 120 }), async (steps) => {
          const bytesMax = 8 * MIB;
          const watched = await watchedTier(bytesMax, openPolicy(policy));
          const busy = new BusyTier(watched);
          let seed = 0;
          for (const each of steps) {
            seed += 1;
            if (each.kind === "publish") await busy.publish(each.file, each.sizeKib * KIB, seed);
            else if (each.kind === "open") await busy.open(each.file);
            else if (each.kind === "read") busy.read(each.reader, each.part);
            else await busy.close(each.reader, each.isDone);
            expect(watched.tier.heldBytes).toBeLessThanOrEqual(bytesMax);
          }
          await busy.end();
          await watched.disk.stop();
        }),
        { numRuns: 25, seed: 11 },
      ),
  );

  it("is bounded while many load different large files at once: those that do not fit stream past", async () => {
    const bytesMax = 24 * MIB;
    const { disk, tier } = await watchedTier(bytesMax);
    const names = Array.from({ length: 16 }, (_, i) => named(`a/s/${i}`));
    for (const [i, name] of names.entries()) await publish(disk, name, patternBytes(5 * MIB, i));
    const door = gate();
    disk.beforeRead = () => door.opened;
    const reads = names.map((name) => readWhole(disk, name));
    await expect.poll(() => disk.opens).toBe(16);
    expect(tier.heldBytes).toBeLessThanOrEqual(bytesMax);
    door.open();
    for (const [i, bytes] of (await Promise.all(reads)).entries()) {
      expect(bytes?.equals(patternBytes(5 * MIB, i))).toBe(true);
    }
    expect(tier.heldBytes).toBeLessThanOrEqual(bytesMax);
    expect(tier.counters).toMatchObject({ loads: 4, bypassed: 12, droppedCopies: 0 });
  });

  it("counts small files with what is around them", async () => {
    const { disk, tier } = await watchedTier(MIB);
    for (let i = 0; i < 2000; i += 1) {
      await publish(disk, named(`a/s/${i}`), Buffer.alloc(24));
      await readWhole(disk, named(`a/s/${i}`));
    }
    const fitting = Math.floor(MIB / (24 + LIMITS.memoryFileOverheadBytes));
    expect(tier.counters).toMatchObject({ hits: 2000, droppedCopies: 2000 - fitting });
    expect(tier.heldBytes).toBeLessThanOrEqual(MIB);
  });

  it("leaves out a file that would push out more than a third, and an empty one", async () => {
    const { disk, tier } = await watchedTier(6 * MIB);
    for (const sizeBytes of [0, 2 * MIB, 3 * MIB, 7 * MIB]) {
      await publish(disk, named("a/s/o"), patternBytes(sizeBytes));
      expect((await readWhole(disk, named("a/s/o")))?.equals(patternBytes(sizeBytes))).toBe(true);
      expect([tier.counters.loads, tier.heldBytes]).toEqual([0, 0]);
    }
    expect(tier.counters.bypassed).toBe(4);
  });
});

describe("who has to leave", () => {
  it("is who was not read for the longest time, and nobody who is being read", async () => {
    const { disk, tier } = await watchedTier(8 * MIB);
    const [read, old, young, next] = ["a/s/1", "a/s/2", "a/s/3", "a/s/4"].map((key) => named(key));
    for (const name of [read!, old!, young!, next!]) await publish(disk, name, patternBytes(2 * MIB + 1000));
    const reader = (await disk.open(read!))!;
    await reader.read(0, reader.sizeBytes);
    for (const name of [old!, young!, next!]) await readAndDone(disk, name);
    expect(tier.counters).toMatchObject({ hits: 0, loads: 4, droppedCopies: 1 });
    for (const name of [read!, young!, next!]) await readAndDone(disk, name);
    expect(tier.counters).toMatchObject({ hits: 3, loads: 4, droppedCopies: 1 });
    reader.close(true);
  });
});

describe("memory", () => {
  const NAME = named("a/s/o");
  const SIZE = 3 * MIB;

  async function memoryOf(
    disk: WatchedTier["disk"],
    bytesAreDone: boolean,
  ): Promise<WeakRef<ArrayBufferLike>> {
    await readWhole(disk, NAME);
    const opened = (await disk.open(NAME))!;
    const { buffer } = await opened.read(0, 10);
    opened.close(bytesAreDone);
    return new WeakRef(buffer);
  }

  it("that readers are done with is used for the next file", async () => {
    const { disk, tier } = await watchedTier();
    const used = async (seed: number) => {
      await publish(disk, NAME, patternBytes(SIZE, seed));
      const file = (await disk.open(NAME))!;
      const pieces = [await file.read(0, 2 * MIB), await file.read(2 * MIB, MIB)];
      expect(Buffer.concat(pieces).equals(patternBytes(SIZE, seed))).toBe(true);
      file.close(true);
      return pieces.map((piece) => piece.buffer);
    };
    const first = await used(1);
    const second = await used(2);
    expect([second[0] === first[0], second[1] === first[1]]).toEqual([true, true]);
    expect(tier.heldBytes).toBe(SIZE + LIMITS.memoryFileOverheadBytes);
  });

  it("that a reader left without a word counts until it is gone, and is never used again", async () => {
    const { disk, tier } = await watchedTier();
    await publish(disk, NAME, patternBytes(SIZE, 1));
    const memory = await memoryOf(disk, false);
    await disk.remove(NAME);
    expect(tier.heldBytes).toBeGreaterThanOrEqual(SIZE);
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    await expect
      .poll(() => {
        collect();
        return [memory.deref(), tier.heldBytes];
      })
      .toEqual([undefined, 0]);
  });
});
