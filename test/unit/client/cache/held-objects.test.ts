import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type HeldObject, HeldObjects, heldSizeBytes } from "../../../../src/client/cache/held-objects.ts";

function object(sizeBytes: number, version = 1): HeldObject {
  return { kind: "opaque", version, base: Buffer.alloc(sizeBytes), patches: [] };
}

const ENTRY = heldSizeBytes(object(0));

describe("held objects", () => {
  it("are found by endpoint and key", () => {
    const held = new HeldObjects(1e6);
    const first = object(1);
    held.hold("grpc://a", "key", first);
    expect(held.find("grpc://a", "key")).toBe(first);
    expect(held.find("grpc://b", "key")).toBeUndefined();
    expect(held.find("grpc://a", "other")).toBeUndefined();
  });

  it("leave in the order in which they were last used", () => {
    const held = new HeldObjects(3 * (ENTRY + 100));
    for (const key of ["a", "b", "c"]) held.hold("e", key, object(100));
    held.find("e", "a");
    held.hold("e", "d", object(100));
    expect(["a", "b", "c", "d"].filter((key) => held.find("e", key) !== undefined)).toEqual(["a", "c", "d"]);
  });

  it("do not include one that is larger than all may be, nor what it replaces", () => {
    const held = new HeldObjects(ENTRY + 100);
    held.hold("e", "a", object(100));
    expect(held.hold("e", "a", object(101, 2))).toBe(false);
    expect(held.find("e", "a")).toBeUndefined();
    expect(held.sizeBytes).toBe(0);
  });

  it("are not replaced by an older version that came late", () => {
    const held = new HeldObjects(1e6);
    const newer = object(1, 2);
    held.hold("e", "a", newer);
    expect(held.hold("e", "a", object(1, 1))).toBe(false);
    expect(held.find("e", "a")).toBe(newer);
  });

  it("of one server are dropped together", () => {
    const held = new HeldObjects(1e6);
    for (const endpoint of ["grpc://a:1", "grpc://a:10"]) held.hold(endpoint, "key", object(1));
    held.dropEndpoint("grpc://a:1");
    expect(held.find("grpc://a:1", "key")).toBeUndefined();
    expect(held.find("grpc://a:10", "key")).toBeDefined();
  });

  it("stay within their bytes, which are those of what is there, whatever is done", () => {
    const BYTES_MAX = 5000;
    const key = fc.constantFrom("a", "b", "c", "d", "e", "f");
    const step = fc.oneof(
      fc.record({
        act: fc.constant("hold" as const),
        key,
        size: fc.nat(6000),
        version: fc.integer({ min: 1, max: 9 }),
      }),
      fc.record({ act: fc.constantFrom("find" as const, "drop" as const), key }),
      fc.record({ act: fc.constant("dropAll" as const), key }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const held = new HeldObjects(BYTES_MAX);
        for (const done of steps) {
          if (done.act === "hold") held.hold("e", done.key, object(done.size, done.version));
          else if (done.act === "find") held.find("e", done.key);
          else if (done.act === "drop") held.drop("e", done.key);
          else held.dropEndpoint("e");
          expect(held.sizeBytes).toBeLessThanOrEqual(BYTES_MAX);
        }
        const found = ["a", "b", "c", "d", "e", "f"].flatMap((each) => held.find("e", each) ?? []);
        expect(held.count).toBe(found.length);
        expect(held.sizeBytes).toBe(found.reduce((sum, each) => sum + heldSizeBytes(each), 0));
      }),
    );
  });
});
