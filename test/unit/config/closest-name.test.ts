import { describe, expect, it } from "vitest";
import { closestName } from "../../../src/config/closest-name.ts";

const NAMES = ["endpoint", "storage", "eviction", "tls"];

describe("the closest name", () => {
  it.each([
    ["endpoit", "endpoint"],
    ["edn point", "endpoint"],
    ["Storage", "storage"],
    ["sotrage", "storage"],
    ["evicton", "eviction"],
    ["tsl", "tls"],
  ])("of %s is %s", (word, name) => {
    expect(closestName(word, NAMES)).toBe(name);
  });

  it.each(["network", "", "x".repeat(10_000), "end"])("of a far word is nothing", (word) => {
    expect(closestName(word, NAMES)).toBeUndefined();
  });
});
