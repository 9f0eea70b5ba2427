import { describe, expect, it } from "vitest";
import { NoEviction } from "../../../src/eviction/no-eviction.ts";

describe("no eviction", () => {
  it("names nobody", () => {
    expect([...new NoEviction().victims()]).toEqual([]);
  });
});
