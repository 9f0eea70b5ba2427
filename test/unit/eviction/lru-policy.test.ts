import { describe, expect, it } from "vitest";
import { LruPolicy } from "../../../src/eviction/lru-policy.ts";

describe("least recently used", () => {
  it("names the one that was neither put nor read for the longest time first", () => {
    const policy = new LruPolicy();
    for (const name of ["a", "b", "c"]) policy.admitted(name);
    policy.touched("a");
    policy.admitted("b");
    expect([...policy.victims()]).toEqual(["c", "a", "b"]);
  });

  it("forgets who is gone and does not learn of strangers by a read", () => {
    const policy = new LruPolicy();
    policy.admitted("a");
    policy.removed("a");
    policy.removed("never there");
    policy.touched("a");
    expect([...policy.victims()]).toEqual([]);
  });

  it("names each once while they are removed one after the other", () => {
    const policy = new LruPolicy();
    for (const name of ["a", "b", "c"]) policy.admitted(name);
    const named: string[] = [];
    for (const name of policy.victims()) {
      named.push(name);
      policy.removed(name);
    }
    expect(named).toEqual(["a", "b", "c"]);
  });
});
