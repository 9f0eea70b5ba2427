/**
 * The table of a session's entries: what a Map would hold, in the same order, and readers that go on where they stopped.
 */
import { describe, expect, it } from "vitest";
import { EntryTable } from "../../../src/cache/entry-table.ts";
import { IndexEntry } from "../../../src/cache/index-entry.ts";
import { Random } from "../../support/random.ts";

function entry(objectId: string, version = 1): IndexEntry {
  const facts = { version, rowCount: 1, dataBytes: 1, fileSizeBytes: 900, isVerified: true };
  const key = { applicationId: "app", sessionId: "session", objectId };
  return new IndexEntry(key, { kind: "opaque", form: "file", ...facts });
}

function filled(objects: number): EntryTable {
  const table = new EntryTable();
  for (let object = 0; object < objects; object += 1) table.set(entry(`${object}`));
  return table;
}

/** What the cursor has not seen. */
function rest(table: EntryTable, cursor = table.open()): string[] {
  const ids: string[] = [];
  for (let next = table.next(cursor); next; next = table.next(cursor)) ids.push(next.objectId);
  return ids;
}

describe("the table of a session's entries", () => {
  it.each([0, 1, 8, 9, 12, 13, 1_000])("holds %d entries in their order", (objects) => {
    const table = filled(objects);
    expect(table.size).toBe(objects);
    expect(rest(table)).toEqual(Array.from({ length: objects }, (_, object) => `${object}`));
    expect(table.get("none")).toBeUndefined();
    expect(table.delete("none")).toBe(false);
  });

  it("leaves an entry in its place when it is replaced", () => {
    const table = filled(20);
    const newer = entry("3", 2);
    table.set(newer);
    expect(table.get("3")).toBe(newer);
    expect(rest(table)).toEqual(rest(filled(20)));
  });

  it.each([5, 20])("adds only what is new among %d", (objects) => {
    const table = filled(objects);
    expect(table.addNew(entry("3", 2))).toBe(false);
    expect(table.get("3")?.version).toBe(1);
    expect(table.addNew(entry("new", 2))).toBe(true);
    expect(table.get("new")?.version).toBe(2);
    expect(rest(table)).toEqual([...rest(filled(objects)), "new"]);
  });

  it.each([1, 2, 3])("does what a Map does, whatever comes and goes, with seed %d", (seed) => {
    const random = new Random(seed);
    const table = new EntryTable();
    const model = new Map<string, IndexEntry>();
    for (let step = 0; step < 20_000; step += 1) {
      const id = `${random.below(step < 10_000 ? 3_000 : 30)}`;
      const isNew = !model.has(id);
      if (random.below(5) < 3) {
        const made = entry(id);
        if (random.below(2) === 0) table.set(made);
        else expect(table.addNew(made)).toBe(isNew);
        model.set(id, table.get(id)!);
        if (isNew) expect(table.get(id)).toBe(made);
      } else expect(table.delete(id)).toBe(model.delete(id));
      expect(table.get(id)).toBe(model.get(id));
    }
    for (const id of [...model.keys()].slice(0, -5)) expect(table.delete(id)).toBe(model.delete(id));
    expect(table.size).toBe(model.size);
    expect(rest(table)).toEqual([...model.keys()]);
  });

  it("lets a reader go on where it stopped, also behind the end and when holes were closed", () => {
    const table = filled(200);
    const cursor = table.open();
    for (let read = 0; read < 100; read += 1) table.next(cursor);
    for (let object = 0; object < 150; object += 1) table.delete(`${object}`);
    for (let object = 200; object < 210; object += 1) table.set(entry(`${object}`));
    expect(rest(table, cursor)).toEqual(Array.from({ length: 60 }, (_, index) => `${150 + index}`));
    expect(rest(table, cursor)).toEqual([]);
    table.set(entry("last"));
    expect(rest(table, cursor)).toEqual(["last"]);
    table.close(cursor);
  });
});
