/**
 * The index: nested by application and session, and empty where nothing is.
 */
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { IndexEntry } from "../../../src/cache/index-entry.ts";
import { KeyLocks } from "../../../src/cache/key-locks.ts";
import { ObjectIndex } from "../../../src/cache/object-index.ts";
import { formatObjectKey, type KeyPattern, parseObjectKey } from "../../../src/object/object-key.ts";

const KEYS = ["a/s/1", "a/s/2", "a/t/1", "b/s/1"];

function entryOf(key: string, version: number): IndexEntry {
  const facts = { version, rowCount: 1, dataBytes: 1, fileSizeBytes: 900, isVerified: true };
  return new IndexEntry(parseObjectKey(key), { kind: "opaque", form: "file", ...facts });
}

function filled(): ObjectIndex {
  const index = new ObjectIndex();
  for (const key of KEYS) index.set(entryOf(key, 1));
  return index;
}

function named(index: ObjectIndex, pattern: KeyPattern): string[] {
  return Array.from(index.entries(pattern), ([key]) => formatObjectKey(key));
}

describe("the index", () => {
  it("counts what it adds as new, and keeps what it has", () => {
    const index = filled();
    expect(index.addNew(entryOf("a/s/1", 2))).toBe(false);
    expect(index.addNew(entryOf("c/s/1", 2))).toBe(true);
    expect(index.size).toBe(KEYS.length + 1);
    expect(index.get(parseObjectKey("a/s/1"))?.version).toBe(1);
  });

  it.each([
    ["everything", { scope: "all" }, KEYS],
    ["an application", { scope: "application", applicationId: "a" }, ["a/s/1", "a/s/2", "a/t/1"]],
    ["a session", { scope: "session", applicationId: "a", sessionId: "s" }, ["a/s/1", "a/s/2"]],
    ["an object", { scope: "object", key: parseObjectKey("b/s/1") }, ["b/s/1"]],
    ["an application that is not there", { scope: "application", applicationId: "c" }, []],
    ["a session that is not there", { scope: "session", applicationId: "b", sessionId: "t" }, []],
    ["an object that is not there", { scope: "object", key: parseObjectKey("b/s/2") }, []],
  ] as readonly (readonly [string, KeyPattern, string[]])[])("names %s", (_, pattern, keys) => {
    expect(named(filled(), pattern)).toEqual(keys);
  });

  it("counts objects, replaced ones once", () => {
    const index = filled();
    index.set(entryOf("a/s/1", 2));
    expect(index.size).toBe(KEYS.length);
    expect(index.get(parseObjectKey("a/s/1"))?.version).toBe(2);
  });

  it("forgets sessions and applications with their last object", () => {
    const index = filled();
    for (const key of ["a/s/1", "a/t/1", "a/t/1", "a/s/2"]) index.delete(parseObjectKey(key));
    expect(index.size).toBe(1);
    expect(index.sessions("a")).toEqual([]);
    expect(index.sessions("b")).toEqual(["s"]);
    expect(named(index, { scope: "all" })).toEqual(["b/s/1"]);
  });

  it("may change while it is read", () => {
    const index = filled();
    const seen: string[] = [];
    for (const [key] of index.entries({ scope: "application", applicationId: "a" })) {
      seen.push(formatObjectKey(key));
      index.delete(parseObjectKey("a/s/2"));
    }
    expect(seen).toEqual(["a/s/1", "a/t/1"]);
  });
});

describe("the lock of a key", () => {
  it("lets one in after the other, in the order in which they came", async () => {
    const locks = new KeyLocks();
    const order: string[] = [];
    const work = (name: string) => async () => {
      order.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      order.push(`${name} ends`);
    };
    await Promise.all(["a", "b", "c"].map((name) => locks.run("key", work(name))));
    expect(order).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  });

  it("does not hold up another key", async () => {
    const locks = new KeyLocks();
    const release = new AbortController();
    const held = locks.run("a", () => once(release.signal, "abort"));
    expect(await locks.run("b", async () => "free")).toBe("free");
    release.abort();
    await held;
  });

  it("goes on to the next when one fails, and tells only the one who failed", async () => {
    const locks = new KeyLocks();
    const failed = locks.run("key", () => Promise.reject(new Error("mine")));
    const next = locks.run("key", async () => "next");
    await expect(failed).rejects.toThrow("mine");
    expect(await next).toBe("next");
  });

  it("costs nothing when nobody waits", async () => {
    const locks = new KeyLocks();
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => locks.run(`key ${index % 3}`, async () => index)),
    );
    expect(locks.size).toBe(0);
  });
});
