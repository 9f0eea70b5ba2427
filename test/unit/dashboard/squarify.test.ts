/**
 * The layout of the treemap: areas in proportion, inside the space, without overlap, nearly square.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Placed, squarify } from "../../../dashboard/src/objects/squarify.ts";

const AREA = { x: 10, y: 20, width: 600, height: 400 };
const layout = (sizes: readonly number[]) => squarify(sizes, (size) => size, AREA);

const sizes = fc
  .array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 200 })
  .map((list) => list.toSorted((a, b) => b - a));

const overlap = (a: Placed<number>, b: Placed<number>) =>
  Math.max(0, Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)) *
  Math.max(0, Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y));

describe("a treemap", () => {
  it("gives each item an area in proportion to its size", () => {
    fc.assert(
      fc.property(sizes, (list) => {
        const total = list.reduce((sum, size) => sum + size, 0);
        const placed = layout(list);
        expect(placed).toHaveLength(list.length);
        for (const { item, width, height } of placed) {
          expect((width * height) / (AREA.width * AREA.height)).toBeCloseTo(item / total, 6);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("stays inside its space and does not overlap", () => {
    fc.assert(
      fc.property(sizes, (list) => {
        const placed = layout(list);
        for (const { x, y, width, height } of placed) {
          expect(x).toBeGreaterThanOrEqual(AREA.x - 1e-6);
          expect(y).toBeGreaterThanOrEqual(AREA.y - 1e-6);
          expect(x + width).toBeLessThanOrEqual(AREA.x + AREA.width + 1e-6);
          expect(y + height).toBeLessThanOrEqual(AREA.y + AREA.height + 1e-6);
        }
        const pairs = placed.flatMap((a, index) => placed.slice(index + 1).map((b) => overlap(a, b)));
        expect(Math.max(0, ...pairs)).toBeLessThan(1e-3);
      }),
      { numRuns: 20 },
    );
  });

  it("makes the example of the paper as square as the paper does", () => {
    const placed = squarify([6, 6, 4, 3, 2, 2, 1], (size) => size, { x: 0, y: 0, width: 6, height: 4 });
    expect(placed.slice(0, 2).map(({ width, height }) => [width, height])).toEqual([
      [3, 2],
      [3, 2],
    ]);
    const ratios = placed.map(({ width, height }) => Math.max(width / height, height / width));
    expect(Math.max(...ratios)).toBeLessThan(3);
  });

  it("has no rectangle for nothing", () => {
    expect(layout([])).toEqual([]);
    expect(layout([0, 0])).toEqual([]);
    expect(layout([5, 0])).toHaveLength(1);
    expect(squarify([1], (size) => size, { ...AREA, width: 0 })).toEqual([]);
  });
});
