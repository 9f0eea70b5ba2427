/**
 * Aligns the cells of a few rows in columns, as lines of text.
 *
 * column-printer.ts does this for any number of rows, as they arrive.
 */
import { displayWidth, padToWidth } from "./display-text.ts";

const GAP = "  ";

export type Alignment = "left" | "right";

/** @param alignments one per column. A left-aligned last column is not padded. */
export function alignRows(rows: readonly (readonly string[])[], alignments: readonly Alignment[]): string[] {
  const widths = alignments.map((_, column) =>
    Math.max(0, ...rows.map((cells) => displayWidth(cells[column] ?? ""))),
  );
  const last = alignments.length - 1;
  return rows.map((cells) =>
    cells
      .map((cell, column) => {
        const align = alignments[column] ?? "left";
        return column === last && align === "left" ? cell : padToWidth(cell, widths[column] ?? 0, align);
      })
      .join(GAP),
  );
}
