/**
 * An entry of the index: what it says after each thing that happens to its object, however large the numbers are.
 */
import { describe, expect, it } from "vitest";
import { type EntryFacts, IndexEntry } from "../../../src/cache/index-entry.ts";
import { ObjectIndex } from "../../../src/cache/object-index.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";

const KEY = parseObjectKey("app/session/object");
const GIB = 1024 ** 3;

const BASE: EntryFacts = {
  kind: "opaque",
  form: "file",
  version: 7,
  rowCount: 1,
  dataBytes: 1_000,
  fileSizeBytes: 2_048,
  value: { position: 512, crc32: 0xfedc_ba98 },
  isVerified: true,
};

function entryOf(facts: Partial<EntryFacts> = {}): IndexEntry {
  return new IndexEntry(KEY, { ...BASE, ...facts });
}

describe("an entry of the index", () => {
  it.each([
    { kind: "opaque", form: "file", isVerified: true },
    { kind: "table", form: "stream", isVerified: false },
    { kind: "table", form: "file", isVerified: true },
  ] as const)("says what it was told: $kind, $form, $isVerified", (facts) => {
    expect(entryOf(facts)).toMatchObject({ ...facts, version: 7, baseVersion: 7, readers: 0 });
  });

  it.each([5 * GIB, Number.MAX_SAFE_INTEGER])("keeps numbers as large as %d", (large) => {
    const sizes = { rowCount: large, dataBytes: large, fileSizeBytes: large };
    const entry = entryOf({ version: large, ...sizes });
    expect(entry).toMatchObject({ version: large, baseVersion: large, rowCount: large, dataBytes: large });
    expect(entry.storedBytes).toBe(large);
  });

  it("counts patches in, and still knows where the value of its base lies", () => {
    const entry = entryOf();
    const value = { position: 512, sizeBytes: 1_000, fileSizeBytes: 2_048, crc32: 0xfedc_ba98 };
    expect(entry.value).toEqual(value);
    for (const version of [8, 9]) entry.addPatch({ version, rowCount: 2, dataBytes: 10, fileSizeBytes: 900 });
    expect(entry).toMatchObject({ version: 9, baseVersion: 7, rowCount: 5, dataBytes: 1_020 });
    expect(entry.storedBytes).toBe(2_048 + 2 * 900);
    expect(entry.value).toEqual(value);
  });

  it("knows of no value where none was told of", () => {
    expect(entryOf({ kind: "table", value: undefined }).value).toBeUndefined();
  });

  it("calls who waits for its readers when the last of them is done, and once", () => {
    const entry = entryOf({ isVerified: false });
    let calls = 0;
    for (const _ of [1, 2]) entry.addReader();
    entry.onIdle = () => {
      calls += 1;
    };
    entry.removeReader();
    expect([entry.readers, calls]).toEqual([1, 0]);
    entry.markVerified({ position: 64, crc32: 1 });
    entry.removeReader();
    expect([entry.readers, calls, entry.isVerified]).toEqual([0, 1, true]);
  });

  it("keeps what is rare apart from each other", () => {
    const entry = entryOf();
    entry.addUnverifiedPatch(8);
    entry.addUnverifiedPatch(9);
    expect(entry.damage).toBeUndefined();
    entry.damage = "torn";
    expect(entry.damage).toBe("torn");
    expect([...(entry.unverifiedPatches ?? [])]).toEqual([8, 9]);
    expect(entry.onIdle).toBeUndefined();
  });

  it("knows its key, before the index has it and after", () => {
    const index = new ObjectIndex();
    const [first, second] = [entryOf(), entryOf({ version: 8 })];
    for (const entry of [first, second]) {
      expect(entry.key).toEqual(KEY);
      index.set(entry);
      expect(index.get(entry.key)).toBe(entry);
    }
    expect(second).toMatchObject({ evictionKey: "app/session/object", costBytes: BASE.fileSizeBytes });
    expect(index.size).toBe(1);
  });
});
