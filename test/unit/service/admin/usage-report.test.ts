/**
 * The usage by application and session: sums over the objects of a list, the largest sessions by name.
 */
import { describe, expect, it } from "vitest";
import type { IndexEntry } from "../../../../src/cache/index-entry.ts";
import { countUsage } from "../../../../src/service/admin/usage-report.ts";

const entry = (key: string, bytes: number) => {
  const [applicationId, sessionId, objectId] = key.split("/");
  return {
    key: { applicationId, sessionId, objectId },
    dataBytes: bytes,
    storedBytes: bytes + 1,
  } as IndexEntry;
};

const cacheOf = (entries: readonly IndexEntry[]) => ({
  async *list() {
    yield entries.slice(0, 2);
    yield entries.slice(2);
  },
});

describe("the usage", () => {
  it("is summed by application and session, the largest first", async () => {
    const entries = [entry("a/s/1", 9), entry("b/s/1", 99), entry("a/t/1", 19), entry("a/s/2", 9)];
    expect(await countUsage(cacheOf(entries), 100)).toEqual({
      objects: 4,
      data_bytes: 136,
      stored_bytes: 140,
      applications: [
        {
          application: "b",
          objects: 1,
          data_bytes: 99,
          stored_bytes: 100,
          sessions: [{ session: "s", objects: 1, data_bytes: 99, stored_bytes: 100 }],
          other_sessions: { sessions: 0, objects: 0, data_bytes: 0, stored_bytes: 0 },
        },
        {
          application: "a",
          objects: 3,
          data_bytes: 37,
          stored_bytes: 40,
          sessions: [
            { session: "s", objects: 2, data_bytes: 18, stored_bytes: 20 },
            { session: "t", objects: 1, data_bytes: 19, stored_bytes: 20 },
          ],
          other_sessions: { sessions: 0, objects: 0, data_bytes: 0, stored_bytes: 0 },
        },
      ],
    });
  });

  it("names a bounded number of sessions and adds the others up", async () => {
    const entries = Array.from({ length: 10 }, (_, index) => entry(`a/s${index}/x`, index));
    const { applications } = await countUsage(cacheOf(entries), 3);
    expect(applications[0]?.sessions.map(({ session }) => session)).toEqual(["s9", "s8", "s7"]);
    expect(applications[0]?.other_sessions).toMatchObject({ sessions: 7, objects: 7, data_bytes: 21 });
  });

  it("names no more sessions than that, also if many have the same size", async () => {
    const entries = Array.from({ length: 10 }, (_, index) => entry(`a/s${index}/x`, 5));
    const { applications } = await countUsage(cacheOf(entries), 3);
    expect(applications[0]?.sessions).toHaveLength(3);
    expect(applications[0]?.other_sessions.sessions).toBe(7);
  });

  it("of an empty cache is nothing", async () => {
    expect(await countUsage(cacheOf([]), 3)).toMatchObject({ objects: 0, applications: [] });
  });
});
