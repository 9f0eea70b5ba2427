/**
 * The keys that are read most, and the largest sessions: estimates in bounded memory.
 */
import { describe, expect, it } from "vitest";
import { HotKeys } from "../../../src/cache/hot-keys.ts";
import { IndexEntry } from "../../../src/cache/index-entry.ts";
import { GroupCount } from "../../../src/cache/largest-groups.ts";
import { LIMITS } from "../../../src/limits.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";

describe("hot keys", () => {
  it("are counted exactly while there are few gets", () => {
    const hot = new HotKeys(() => 0);
    for (let get = 0; get < 30; get += 1) hot.read(get % 3 === 0 ? "a/s/x" : "a/s/y");
    expect(hot.top(10)).toEqual([
      { key: "a/s/y", gets: 20, getsPerSecond: 20 },
      { key: "a/s/x", gets: 10, getsPerSecond: 10 },
    ]);
  });

  it("are found among many more keys than are remembered", () => {
    const hot = new HotKeys(() => 0);
    for (let get = 0; get < 200_000; get += 1) {
      hot.read(`a/cold/${get}`);
      hot.read(`a/hot/${get % 4}`);
    }
    const top = hot.top(LIMITS.topRowsMax);
    expect(
      top
        .slice(0, 4)
        .map(({ key }) => key)
        .sort(),
    ).toEqual([0, 1, 2, 3].map((name) => `a/hot/${name}`));
    expect(top.length).toBeLessThanOrEqual(LIMITS.topRowsMax);
    for (const { gets } of top.slice(0, 4)) expect(gets).toBeLessThan(80_000);
    for (const { gets } of top.slice(0, 4)) expect(gets).toBeGreaterThan(25_000);
  });

  it("are forgotten after two periods without gets", () => {
    let nowMs = 0;
    const hot = new HotKeys(() => nowMs);
    hot.read("a/s/x");
    nowMs += 1.5 * LIMITS.hotKeysPeriodMs;
    expect(hot.top(1)).toHaveLength(1);
    nowMs += 1.5 * LIMITS.hotKeysPeriodMs;
    expect(hot.top(1)).toEqual([]);
  });
});

function entry(key: string, dataBytes: number): IndexEntry {
  const base = { kind: "opaque", form: "file", version: 1, rowCount: 1, fileSizeBytes: dataBytes } as const;
  return new IndexEntry(parseObjectKey(key), { ...base, dataBytes, isVerified: true });
}

describe("the largest groups", () => {
  it("are sums of sessions and applications, the largest first", async () => {
    const entries = [entry("a/s/1", 10), entry("a/s/2", 20), entry("a/t/1", 50), entry("b/s/1", 60)];
    expect(await new GroupCount(() => entries).largest()).toEqual({
      sessions: [
        { name: "b/s", objects: 1, dataBytes: 60 },
        { name: "a/t", objects: 1, dataBytes: 50 },
        { name: "a/s", objects: 2, dataBytes: 30 },
      ],
      applications: [
        { name: "a", objects: 3, dataBytes: 80 },
        { name: "b", objects: 1, dataBytes: 60 },
      ],
    });
  });

  it("are few, however many sessions there are, and contain the largest one", async () => {
    const entries = Array.from({ length: 5000 }, (_, index) =>
      entry(`a/s${index}/x`, index === 17 ? 9999 : 1),
    );
    const { sessions } = await new GroupCount(() => entries).largest();
    expect(sessions).toHaveLength(LIMITS.topRowsMax);
    expect(sessions[0]).toEqual({ name: "a/s17", objects: 1, dataBytes: 9999 });
  });

  it("are counted once for callers at the same time", async () => {
    let counts = 0;
    const groups = new GroupCount(() => {
      counts += 1;
      return [entry("a/s/1", 1)];
    });
    await Promise.all([groups.largest(), groups.largest(), groups.largest()]);
    expect(counts).toBe(1);
  });
});
