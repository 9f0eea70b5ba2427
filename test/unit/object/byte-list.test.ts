/**
 * A list of byte strings in one piece of memory: it reads back what was added, and holds nothing while all of it is empty.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteList, ByteListWriter } from "../../../src/object/byte-list.ts";

const SEED = 20_261;

function listOf(items: readonly Uint8Array[]): ByteList | undefined {
  const writer = new ByteListWriter();
  for (const item of items) writer.append(item);
  return writer.finish();
}

describe("a byte list", () => {
  it("gives back what was added, in order, also from its bytes alone", () => {
    const items = fc.array(fc.uint8Array({ maxLength: 3000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(items, (added) => {
        added.push(Uint8Array.of(1));
        const list = listOf(added)!;
        const again = new ByteList(Buffer.from(list.bytes));
        expect([list.length, again.length]).toEqual([added.length, added.length]);
        expect([...again].map((item) => [...item])).toEqual(added.map((item) => [...item]));
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  it("keeps the empty items before, between and behind others", () => {
    const list = listOf([Buffer.of(), Buffer.of(), Buffer.of(7), Buffer.of(), Buffer.of(8, 9), Buffer.of()])!;
    expect([...list].map((item) => item.length)).toEqual([0, 0, 1, 0, 2, 0]);
  });

  it("is none when all items are empty", () => {
    expect(listOf([])).toBeUndefined();
    expect(listOf([Buffer.of(), Buffer.of()])).toBeUndefined();
  });

  it.each(["000000", "0500000061", "01000000", "00000000ffffffff"])("of %s is OBJECT_CORRUPT", (hex) => {
    expect(() => new ByteList(Buffer.from(hex, "hex"))).toThrow(
      expect.objectContaining({ code: "OBJECT_CORRUPT" }),
    );
  });
});
