/**
 * What the treemap shows, and what lies under the pointer.
 */
import { describe, expect, it } from "vitest";
import type { Usage } from "../../../dashboard/src/api/answers.ts";
import { itemAt, layoutMap, mapGroups } from "../../../dashboard/src/objects/treemap-items.ts";

const sums = (objects: number, bytes: number) => ({ objects, data_bytes: bytes, stored_bytes: bytes });

const USAGE: Usage = {
  ...sums(4, 100),
  applications: [
    {
      application: "alpha",
      ...sums(3, 75),
      sessions: [{ session: "one", ...sums(1, 50) }],
      other_sessions: { sessions: 2, ...sums(2, 25) },
    },
    {
      application: "beta",
      ...sums(1, 25),
      sessions: [{ session: "one", ...sums(1, 25) }],
      other_sessions: { sessions: 0, ...sums(0, 0) },
    },
  ],
};

const objectsOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    key: `alpha/one/${index}`,
    version: 1,
    kind: "opaque",
    rows: 1,
    data_bytes: 1,
    stored_bytes: 1 + (index % 10),
    patches: 0,
    expires_at: null,
    pinned: false,
  }));

describe("the treemap", () => {
  it("has a group for each application, with its sessions and the sum of the others", () => {
    const groups = mapGroups(USAGE, "", undefined);
    expect(groups.map(({ id, items }) => [id, items.map((item) => item.id)])).toEqual([
      ["alpha", ["alpha/one", "alpha/…"]],
      ["beta", ["beta/one"]],
    ]);
  });

  it("shows one application when zoomed into it", () => {
    expect(mapGroups(USAGE, "beta", undefined).map(({ id }) => id)).toEqual(["beta"]);
  });

  it("shows the objects of a session, the smallest as one sum", () => {
    const loaded = { objects: objectsOf(5_010), isComplete: true, failure: undefined };
    const [group] = mapGroups(USAGE, "alpha/one", loaded);
    expect(group?.items).toHaveLength(5_001);
    expect(group?.bytes).toBe(loaded.objects.reduce((sum, object) => sum + object.stored_bytes, 0));
    expect(group?.items.find(({ id }) => id === "alpha/one/…")?.objects).toBe(10);
  });

  it("shows nothing of a session that is not loaded", () => {
    expect(mapGroups(USAGE, "alpha/one", undefined)).toEqual([]);
  });

  it("finds the item at a point, and the group in its heading", () => {
    const placed = layoutMap(mapGroups(USAGE, "", undefined), { x: 0, y: 0, width: 800, height: 400 });
    const cell = placed[0]!.cells[0]!;
    expect(itemAt(placed, cell.x + 1, cell.y + 1)?.id).toBe("alpha/one");
    expect(itemAt(placed, placed[0]!.x + 1, placed[0]!.y + 1)?.id).toBe("alpha");
    expect(itemAt(placed, 900, 10)).toBeUndefined();
  });
});
