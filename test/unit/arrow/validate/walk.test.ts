/**
 * The two loops that have vectors, compared with plain ones over the same integers.
 */
import { describe, expect, it } from "vitest";
import { descends, ElementWalk, largest, type Scratch } from "../../../../src/arrow/validate/walks/walk.ts";
import { Random } from "../../../support/random.ts";

/** Gives what is walked to a test, in the scratch. */
class Look extends ElementWalk {
  readonly #look: (count: number) => void;

  constructor(count: number, elementBytes: 1 | 2 | 4 | 8, look: (count: number) => void) {
    super({ start: 0, count, elementBytes, isBigEndian: false });
    this.#look = look;
  }

  protected override run(_: Scratch, count: number): void {
    this.#look(count);
  }
}

function inScratch<T>(bytes: Buffer, elementBytes: 1 | 2 | 4 | 8, look: (count: number) => T): T {
  const found: T[] = [];
  const walk = new Look(bytes.length / elementBytes, elementBytes, (count) => found.push(look(count)));
  walk.feed(bytes);
  return found[0]!;
}

const COUNTS = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 100];

function ascending(random: Random, count: number): number[] {
  let last = 0;
  return Array.from({ length: count }, () => {
    last += random.below(3);
    return last;
  });
}

function encode(values: readonly number[], elementBytes: 4 | 8): Buffer {
  const bytes = Buffer.alloc(values.length * elementBytes);
  for (const [index, value] of values.entries()) {
    if (elementBytes === 4) bytes.writeInt32LE(value, 4 * index);
    else bytes.writeBigInt64LE(BigInt(value), 8 * index);
  }
  return bytes;
}

describe.each([4, 8] as const)("offsets of %i bytes", (elementBytes) => {
  it.each(COUNTS)("that ascend, %i of them, do not descend", (count) => {
    const values = ascending(new Random(count), count);
    expect(inScratch(encode(values, elementBytes), elementBytes, (n) => descends(elementBytes, n, 0))).toBe(
      false,
    );
  });

  it.each(COUNTS)("that go back or below zero at any of %i places descend", (count) => {
    const values = ascending(new Random(count), count);
    for (const place of values.keys()) {
      for (const wrong of [-1, place === 0 ? -(2 ** 31) : values[place - 1]! - 1]) {
        const changed = values.with(place, wrong);

        expect(
          inScratch(encode(changed, elementBytes), elementBytes, (n) => descends(elementBytes, n, 0)),
        ).toBe(true);
      }
    }
  });

  it("descend from the one before the first", () => {
    const bytes = encode([4, 5, 6, 7, 8], elementBytes);
    expect(
      [4, 5].map((last) => inScratch(bytes, elementBytes, (n) => descends(elementBytes, n, last))),
    ).toEqual([false, true]);
  });
});

describe.each([1, 2, 4] as const)("indices of %i bytes", (elementBytes) => {
  it.each(COUNTS)("have their largest found wherever it is, among %i", (count) => {
    const random = new Random(count + elementBytes);
    for (let place = 0; place < count; place += 1) {
      const bytes = Buffer.alloc(count * elementBytes);
      for (let at = 0; at < bytes.length; at += elementBytes) bytes[at] = random.below(200);
      bytes[place * elementBytes + elementBytes - 1] = 255;
      const values = Array.from({ length: count }, (_, index) =>
        bytes.readUIntLE(index * elementBytes, elementBytes),
      );
      expect(inScratch(bytes, elementBytes, (n) => largest(elementBytes, n))).toBe(Math.max(...values));
    }
  });
});
