/**
 * What a put leaves in the tier: the content of a small file, for the gets that follow.
 */
import { describe, expect, it } from "vitest";
import type { Evictable } from "../../../../src/eviction/eviction-policy.ts";
import { LruPolicy } from "../../../../src/eviction/lru-policy.ts";
import { LIMITS } from "../../../../src/limits.ts";
import type { StoredFile, StoredName } from "../../../../src/storage/object-storage.ts";
import { MemoryTier } from "../../../../src/storage/tier/memory-tier.ts";
import { named, patchOf, patternBytes } from "../scratch-directory.ts";
import { gate, KIB, MIB, RemoteFile } from "./tier-fixture.ts";

const NAME = named("a/s/o");
const LARGEST = LIMITS.putAdmittedBytesMax;
const NO_COUNTS = { hits: 0, misses: 0, loads: 0, bypassed: 0, droppedCopies: 0 };

/** What a policy is told, beside its own work. */
class WatchedPolicy extends LruPolicy {
  readonly events: string[] = [];

  override admitted(item: Evictable): void {
    this.events.push("admitted");
    super.admitted(item);
  }

  override touched(item: Evictable): void {
    this.events.push("touched");
    super.touched(item);
  }

  override removed(item: Evictable): void {
    this.events.push("removed");
    super.removed(item);
  }
}

/** An engine that reports each put to its tier, and counts what the tier opens. */
class PuttingEngine {
  readonly policy = new WatchedPolicy();
  readonly tier: MemoryTier;
  /** Names of the files that were opened. */
  readonly opens: StoredName[] = [];
  /** Awaited before a file is handed out. */
  beforeOpened: () => Promise<void> | undefined = () => undefined;
  readonly #files = new Map<string, { content: Buffer; revision: string }>();
  #revisions = 0;

  constructor(bytesMax = MIB) {
    this.tier = new MemoryTier({ policy: this.policy, bytesMax });
  }

  put(name: StoredName, content: Buffer, chunks: readonly Uint8Array[] = [content]): void {
    this.#revisions += 1;
    const revision = `${this.#revisions}`;
    this.#files.set(JSON.stringify(name), { content: Buffer.from(content), revision });
    this.tier.put(name, { revision, sizeBytes: content.length }, chunks);
  }

  source(name: StoredName): RemoteFile | undefined {
    const file = this.#files.get(JSON.stringify(name));
    return file && new RemoteFile(file.content, file.revision);
  }

  open(name: StoredName): Promise<StoredFile | undefined> {
    return this.tier.open(name, async () => {
      this.opens.push(name);
      const source = this.source(name);
      await this.beforeOpened();
      return source;
    });
  }

  async get(name: StoredName): Promise<Buffer> {
    const file = (await this.open(name))!;
    const bytes = Buffer.from(await file.read(0, file.sizeBytes));
    file.close(true);
    return bytes;
  }
}

describe("a file that was just put", () => {
  it.each([1, 1000, LARGEST])("of %i bytes is answered without the engine", async (sizeBytes) => {
    const engine = new PuttingEngine();
    const content = patternBytes(sizeBytes);
    engine.put(NAME, content);
    expect(engine.tier.counters).toEqual(NO_COUNTS);
    expect(engine.tier.heldBytes).toBe(sizeBytes + LIMITS.memoryFileOverheadBytes);
    expect((await engine.get(NAME)).equals(content)).toBe(true);
    expect([engine.opens.length, engine.tier.counters]).toEqual([0, { ...NO_COUNTS, hits: 1 }]);
  });

  it("is a copy of all its chunks, whose memory others may use again", async () => {
    const engine = new PuttingEngine();
    const content = patternBytes(3000);
    const chunks = [0, 1, 1000, 1000].map((start, i) =>
      Buffer.from(content.subarray(start, [1, 1000, 1000, 3000][i])),
    );
    engine.put(NAME, content, chunks);
    for (const chunk of chunks) chunk.fill(0);
    expect((await engine.get(NAME)).equals(content)).toBe(true);
  });

  it("is found under each of its parts, and patches go with those that are removed", async () => {
    const engine = new PuttingEngine();
    const files = [NAME, named("a/s/o", { kind: "stream" })];
    const patches = [patchOf("a/s/o", 1, 2), patchOf("a/s/o", 1, 3)];
    const names = [...files, ...patches];
    for (const name of names) engine.put(name, Buffer.from(JSON.stringify(name)));
    for (const name of names) expect(String(await engine.get(name))).toBe(JSON.stringify(name));
    expect(engine.opens).toEqual([]);
    engine.tier.changedPatches(NAME.key);
    for (const name of names) await engine.get(name);
    expect(engine.opens).toEqual(patches);
  });

  it("is admitted to the policy and not a read", () => {
    const engine = new PuttingEngine();
    engine.put(NAME, Buffer.from("old"));
    engine.put(NAME, Buffer.from("new"));
    expect(engine.policy.events).toEqual(["admitted", "removed", "admitted"]);
  });

  it("is refused if the chunks are not the whole file", () => {
    const engine = new PuttingEngine();
    const half = [Buffer.from("ha")];
    expect(() => engine.put(NAME, Buffer.from("half"), half)).toThrow(
      "the chunks of a put are its whole file",
    );
    expect(() => engine.put(NAME, Buffer.from("h"), half)).toThrow(RangeError);
  });
});

describe("a put", () => {
  it("replaces what is kept, and leaves the older content to its readers", async () => {
    const engine = new PuttingEngine();
    engine.put(NAME, Buffer.from("old"));
    const older = (await engine.open(NAME))!;
    engine.put(NAME, Buffer.from("newer"));
    expect(String(await engine.get(NAME))).toBe("newer");
    expect(String(await older.read(0, 3))).toBe("old");
    older.close(true);
    expect(engine.opens).toEqual([]);
    expect(engine.tier.heldBytes).toBe("newer".length + LIMITS.memoryFileOverheadBytes);
  });

  it("replaces a file that is being loaded", async () => {
    const engine = new PuttingEngine(6 * MIB);
    const large = patternBytes(MIB);
    engine.put(NAME, large);
    const older = (await engine.open(NAME))!;
    const reading = older.read(0, MIB);
    engine.put(NAME, Buffer.from("new"));
    expect((await reading).equals(large)).toBe(true);
    older.close(true);
    expect(String(await engine.get(NAME))).toBe("new");
    expect(engine.tier.counters).toMatchObject({ hits: 1, misses: 1, loads: 1 });
  });

  it("keeps a file that was opened before it from being kept", async () => {
    const engine = new PuttingEngine();
    engine.put(NAME, Buffer.from("old"));
    engine.tier.changed(NAME);
    const door = gate();
    engine.beforeOpened = () => door.opened;
    const opening = engine.get(NAME);
    engine.put(NAME, Buffer.from("new"));
    door.open();
    expect(String(await opening)).toBe("old");
    expect(String(await engine.get(NAME))).toBe("new");
    expect(engine.opens.length).toBe(1);
  });

  it.each([0, LARGEST + 1])("of %i bytes only drops the older copy", async (sizeBytes) => {
    const engine = new PuttingEngine();
    engine.put(NAME, Buffer.from("old"));
    engine.put(NAME, patternBytes(sizeBytes));
    expect([engine.tier.heldBytes, engine.tier.counters]).toEqual([0, NO_COUNTS]);
    expect((await engine.get(NAME)).equals(patternBytes(sizeBytes))).toBe(true);
    expect(engine.opens.length).toBe(1);
  });

  it("of more than a third of the tier only drops the older copy", () => {
    const engine = new PuttingEngine(96 * KIB);
    engine.put(NAME, patternBytes(30 * KIB));
    expect(engine.tier.heldBytes).toBe(31 * KIB);
    engine.put(NAME, patternBytes(32 * KIB));
    expect(engine.tier.heldBytes).toBe(0);
  });
});

describe("a put into a full tier", () => {
  it("drops who was not read for the longest time", async () => {
    const engine = new PuttingEngine(4 * 11 * KIB);
    const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map((id) => named(`a/s/${id}`));
    for (const name of [a!, b!, c!, d!]) engine.put(name, patternBytes(10 * KIB));
    await engine.get(a!);
    engine.put(e!, patternBytes(10 * KIB));
    for (const name of [a!, c!, d!, e!]) await engine.get(name);
    expect([engine.opens, engine.tier.counters.droppedCopies]).toEqual([[], 1]);
    await engine.get(b!);
    expect(engine.opens).toEqual([b]);
  });

  it("drops another copy if the oldest is in use", async () => {
    const engine = new PuttingEngine(4 * 11 * KIB);
    const [read, next, c, d, e] = ["a", "b", "c", "d", "e"].map((id) => named(`a/s/${id}`));
    engine.put(read!, patternBytes(10 * KIB));
    const reader = (await engine.open(read!))!;
    for (const name of [next!, c!, d!, e!]) engine.put(name, patternBytes(10 * KIB));
    for (const name of [read!, c!, d!, e!]) await engine.get(name);
    expect([engine.opens, engine.tier.counters.droppedCopies]).toEqual([[], 1]);
    reader.close(true);
  });

  it("holds no more than it may, with what is around each file", () => {
    const engine = new PuttingEngine();
    for (let i = 0; i < 2000; i += 1) {
      engine.put(named(`a/s/${i}`), patternBytes(1 + i));
      expect(engine.tier.heldBytes).toBeLessThanOrEqual(MIB);
    }
    expect(engine.tier.counters.droppedCopies).toBeGreaterThan(1000);
    expect(engine.tier.heldBytes).toBeGreaterThan(MIB - 4 * KIB);
  });

  it("keeps nothing and drops nobody else if all copies are in use", async () => {
    const engine = new PuttingEngine(4 * 11 * KIB);
    const names = ["a", "b", "c", "d"].map((id) => named(`a/s/${id}`));
    for (const name of names) engine.put(name, patternBytes(10 * KIB));
    const readers = await Promise.all(names.map((name) => engine.open(name)));
    engine.put(named("a/s/e"), patternBytes(10 * KIB, 2));
    engine.put(names[0]!, patternBytes(10 * KIB, 2));
    expect(engine.tier.counters).toEqual({ ...NO_COUNTS, hits: 4 });
    expect(engine.tier.heldBytes).toBe(4 * 11 * KIB);
    for (const reader of readers) {
      expect((await reader!.read(0, 10 * KIB)).equals(patternBytes(10 * KIB))).toBe(true);
      reader!.close(true);
    }
    expect(engine.tier.heldBytes).toBe(3 * 11 * KIB);
    for (const name of names.slice(1)) await engine.get(name);
    expect(engine.opens).toEqual([]);
    expect((await engine.get(names[0]!)).equals(patternBytes(10 * KIB, 2))).toBe(true);
    expect(engine.opens).toEqual([names[0]]);
  });
});

describe("after a put", () => {
  it("a look at the same revision keeps the copy", async () => {
    const engine = new PuttingEngine();
    engine.put(NAME, Buffer.from("put"));
    engine.tier.looked(NAME, engine.source(NAME));
    await engine.get(NAME);
    expect(engine.opens).toEqual([]);
  });

  it.each([
    ["another revision", new RemoteFile(Buffer.from("put"), "of others")],
    ["another size", new RemoteFile(Buffer.from("larger"), "1")],
    ["no file", undefined],
  ])("a look that finds %s drops the copy", async (_found, file) => {
    const engine = new PuttingEngine();
    engine.put(NAME, Buffer.from("put"));
    engine.tier.looked(NAME, file);
    expect(engine.tier.heldBytes).toBe(0);
    await engine.get(NAME);
    expect(engine.opens).toEqual([NAME]);
  });

  it("a change drops the copy", async () => {
    const engine = new PuttingEngine();
    engine.put(NAME, Buffer.from("put"));
    engine.tier.changed(NAME);
    expect(engine.tier.heldBytes).toBe(0);
    await engine.get(NAME);
    expect(engine.opens).toEqual([NAME]);
  });
});
