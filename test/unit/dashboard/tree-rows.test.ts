/**
 * The rows of the tree of keys, by their numbers.
 */
import { describe, expect, it } from "vitest";
import type { ListedObject, Usage } from "../../../dashboard/src/api/answers.ts";
import { SessionLoader } from "../../../dashboard/src/objects/load-sessions.ts";
import { orderUsage } from "../../../dashboard/src/objects/order.ts";
import { levelOf, TreeRows, type TreeState } from "../../../dashboard/src/objects/tree-rows.ts";

const sums = (objects: number, bytes: number) => ({ objects, data_bytes: bytes, stored_bytes: bytes });

const object = (key: string, bytes = 10): ListedObject => ({
  key,
  version: 1,
  kind: "opaque",
  rows: 1,
  data_bytes: bytes,
  stored_bytes: bytes,
  patches: 0,
  expires_at: null,
  pinned: false,
});

const USAGE: Usage = {
  ...sums(5, 100),
  applications: [
    {
      application: "alpha",
      ...sums(3, 60),
      sessions: [
        { session: "one", ...sums(2, 40) },
        { session: "two", ...sums(1, 20) },
      ],
      other_sessions: { sessions: 7, ...sums(0, 0) },
    },
    {
      application: "beta",
      ...sums(2, 40),
      sessions: [{ session: "one", ...sums(2, 40) }],
      other_sessions: { sessions: 0, ...sums(0, 0) },
    },
  ],
};

const LOADED = new Map([
  [
    "alpha/one",
    { objects: [object("alpha/one/x"), object("alpha/one/y")], isComplete: true, failure: undefined },
  ],
  ["alpha/two", { objects: [object("alpha/two/z")], isComplete: false, failure: undefined }],
]);

const rowsOf = (state: Partial<TreeState>) => {
  const rows = new TreeRows({ usage: USAGE, open: new Set(), loaded: LOADED, prefix: "", ...state });
  return Array.from({ length: rows.length }, (_, number) => rows.at(number)!.id);
};

describe("the tree of keys", () => {
  it("begins with applications", () => {
    expect(rowsOf({})).toEqual(["alpha", "beta"]);
  });

  it("shows sessions and objects of what is open, and says what is missing", () => {
    expect(rowsOf({ open: new Set(["alpha", "alpha/one", "alpha/two"]) })).toEqual([
      "alpha",
      "alpha/one",
      "alpha/one/x",
      "alpha/one/y",
      "alpha/two",
      "alpha/two/z",
      "alpha/two/…",
      "alpha//",
      "beta",
    ]);
  });

  it.each([
    ["b", ["beta"]],
    ["alpha/t", ["alpha", "alpha/two", "alpha//"]],
    ["alpha/one/", ["alpha", "alpha/one", "alpha/one/x", "alpha/one/y", "alpha//"]],
    ["alpha/one/y", ["alpha", "alpha/one", "alpha/one/y", "alpha//"]],
    ["gamma", []],
  ])("shows the keys that begin with %j", (prefix, ids) => {
    expect(rowsOf({ prefix, open: new Set(["alpha", "alpha/one"]) })).toEqual(ids);
  });

  it("offers a session that the usage does not name", () => {
    const ids = rowsOf({ prefix: "alpha/nine/", open: new Set(["alpha", "alpha/nine"]) });
    expect(ids).toEqual(["alpha", "alpha/nine", "alpha/nine/…", "alpha//"]);
  });

  it("finds a row of 100,000 objects without listing them", () => {
    const objects = Array.from({ length: 100_000 }, (_, index) => object(`beta/one/${index}`));
    const loaded = new Map([["beta/one", { objects, isComplete: true, failure: undefined }]]);
    const rows = new TreeRows({ usage: USAGE, open: new Set(["beta", "beta/one"]), loaded, prefix: "" });
    expect(rows.length).toBe(100_003);
    expect(rows.at(100_002)?.id).toBe("beta/one/99999");
    expect(rows.at(100_003)).toBeUndefined();
    expect(rows.parentOf(70_000)).toBe(2);
    expect(rows.parentOf(2)).toBe(1);
    expect([0, 2, 3].map((number) => levelOf(rows.at(number)))).toEqual([1, 2, 3]);
  });

  it("is ordered by size or by name", () => {
    const names = (order: "size" | "name") =>
      orderUsage(USAGE, order).applications.map(({ application }) => application);
    expect(names("size")).toEqual(["alpha", "beta"]);
    expect(names("name")).toEqual(["alpha", "beta"]);
    const sessions = orderUsage({ ...USAGE, applications: [USAGE.applications[0]!] }, "size")
      .applications[0]!;
    expect(sessions.sessions.map(({ session }) => session)).toEqual(["one", "two"]);
  });
});

describe("the objects of a session", () => {
  const pages = (count: number) => async (path: string) => {
    const after = new URL(path, "http://host").searchParams.get("after") ?? "app/s/00";
    const number = Number(after.slice(6)) + 1;
    const next = number < count ? `app/s/${String(number).padStart(2, "0")}` : null;
    return { objects: [object(`app/s/${number}`, number)], next };
  };

  it("are loaded page by page and sorted at the end", async () => {
    const states: number[] = [];
    const loader = await new Promise<SessionLoader>((resolve) => {
      const made = new SessionLoader(pages(3), "size", () => {
        states.push(made.loaded.get("app/s")!.objects.length);
        return made.loaded.get("app/s")!.isComplete && resolve(made);
      });
      made.open("app/s");
      made.open("app/s");
    });
    expect(states).toEqual([1, 2, 3]);
    expect(loader.loaded.get("app/s")?.objects.map(({ key }) => key)).toEqual([
      "app/s/3",
      "app/s/2",
      "app/s/1",
    ]);
  });

  it("keep what came before a failure, with its text", async () => {
    const fail = async () => {
      throw new Error("it broke");
    };
    const loader = await new Promise<SessionLoader>((resolve) => {
      const made = new SessionLoader(fail, "size", () => resolve(made));
      made.open("app/s");
    });
    expect(loader.loaded.get("app/s")).toEqual({ objects: [], isComplete: false, failure: "it broke" });
  });
});
