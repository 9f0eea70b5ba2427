/**
 * Lays out a treemap: rectangles whose areas are proportional to sizes, as square as possible. Pure.
 *
 * Source: Bruls, Huizing, van Wijk, "Squarified Treemaps" (2000). Cost: linear after sorting, with one
 * pass over each row. Items without size get no rectangle.
 */

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Placed<Item> extends Rectangle {
  readonly item: Item;
}

/** @param items sorted by size, the largest first */
export function squarify<Item>(
  items: readonly Item[],
  sizeOf: (item: Item) => number,
  { x, y, width, height }: Rectangle,
): Placed<Item>[] {
  const total = items.reduce((sum, item) => sum + sizeOf(item), 0);
  if (!(total > 0) || width <= 0 || height <= 0) return [];
  const scale = (width * height) / total;
  const left = { x, y, width, height };
  const placed: Placed<Item>[] = [];
  for (let first = 0; first < items.length && sizeOf(items[first]!) > 0; ) {
    const row = bestRow(items, first, (item) => sizeOf(item) * scale, Math.min(left.width, left.height));
    placeRow(placed, items.slice(first, row.end), (item) => sizeOf(item) * scale, { left, area: row.area });
    first = row.end;
  }
  return placed;
}

interface Row {
  /** Index after the last item. */
  readonly end: number;
  readonly area: number;
}

/** Adds items to the row along the short side while this makes its worst rectangle more square. */
function bestRow<Item>(
  items: readonly Item[],
  first: number,
  areaOf: (item: Item) => number,
  side: number,
): Row {
  const largest = areaOf(items[first]!);
  let area = largest;
  let worst = worstRatio(largest, largest, area, side);
  let end = first + 1;
  for (; end < items.length; end += 1) {
    const next = areaOf(items[end]!);
    if (next <= 0) break;
    const ratio = worstRatio(largest, next, area + next, side);
    if (ratio > worst) break;
    worst = ratio;
    area += next;
  }
  return { end, area };
}

/** Of a row whose items have areas from `smallest` to `largest`. */
function worstRatio(largest: number, smallest: number, area: number, side: number): number {
  const thickness = (area / side) ** 2;
  return Math.max(largest / thickness, thickness / smallest);
}

interface Free {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Places a row along the short side of what is left, and takes its space. */
function placeRow<Item>(
  placed: Placed<Item>[],
  row: readonly Item[],
  areaOf: (item: Item) => number,
  { left, area }: { left: Free; area: number },
): void {
  const isColumn = left.width >= left.height;
  const side = isColumn ? left.height : left.width;
  const thickness = side > 0 ? Math.min(area / side, isColumn ? left.width : left.height) : 0;
  let along = isColumn ? left.y : left.x;
  for (const item of row) {
    const length = thickness > 0 ? areaOf(item) / thickness : 0;
    placed.push(
      isColumn
        ? { item, x: left.x, y: along, width: thickness, height: length }
        : { item, x: along, y: left.y, width: length, height: thickness },
    );
    along += length;
  }
  if (isColumn) {
    left.x += thickness;
    left.width -= thickness;
  } else {
    left.y += thickness;
    left.height -= thickness;
  }
}
