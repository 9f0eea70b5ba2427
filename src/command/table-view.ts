/**
 * Formats a table's first rows as text: names, types, a line, then the cells in aligned columns.
 *
 *     n      name
 *     int64  utf8
 *     -----  ------
 *         1  Anna
 *
 * On a terminal, long cells are cut, and columns that do not fit are left out and counted. Other
 * output has all columns, with cells of up to 1000 characters.
 */
import type { ArrowField } from "../arrow/schema.ts";
import { escapeInvisible } from "../log-format.ts";
import type { TablePreview } from "./arrow-preview.ts";
import { formatType } from "./arrow-types.ts";
import { cellOrReason, formatCell } from "./cell-text.ts";
import { cutToWidth, displayWidth, padToWidth } from "./display-text.ts";
import { formatCount } from "./quantities.ts";

const GAP = "  ";
const TERMINAL_CELL_WIDTH_MAX = 40;
const CELL_WIDTH_MAX = 1000;

export interface ViewOptions {
  /** Width of the terminal; undefined: no terminal. */
  readonly columns: number | undefined;
  /** Rows of the whole table; -1: unknown. */
  readonly totalRows: number;
}

export function formatTable(preview: TablePreview, { columns, totalRows }: ViewOptions): string {
  const cellWidthMax = columns === undefined ? CELL_WIDTH_MAX : TERMINAL_CELL_WIDTH_MAX;
  const rendered: string[][] = [];
  let widthLeft = columns ?? Number.POSITIVE_INFINITY;
  for (const [index, field] of preview.fields.entries()) {
    const column = renderColumn(preview, field, { index, cellWidthMax });
    widthLeft -= displayWidth(column[0] ?? "") + (index === 0 ? 0 : GAP.length);
    if (widthLeft < 0 && rendered.length > 0) break;
    rendered.push(column);
  }
  const lineCount = preview.rowCount + 3;
  const lines =
    preview.fields.length === 0
      ? []
      : Array.from({ length: lineCount }, (_, line) => joinLine(rendered, line));
  return [...lines, ...formatRest(preview, rendered.length, totalRows)].map((line) => `${line}\n`).join("");
}

function joinLine(rendered: readonly (readonly string[])[], line: number): string {
  return rendered
    .map((column) => column[line] ?? "")
    .join(GAP)
    .trimEnd();
}

function renderColumn(
  { rowCount, value }: TablePreview,
  field: ArrowField,
  { index, cellWidthMax }: { index: number; cellWidthMax: number },
): string[] {
  const cells = Array.from({ length: rowCount }, (_, row) =>
    cellOrReason(() => formatCell(value(row, index), field)),
  );
  const texts = [escapeInvisible(field.name), escapeInvisible(formatType(field)), ...cells].map((text) =>
    cutToWidth(text, cellWidthMax),
  );
  const width = Math.max(1, ...texts.map(displayWidth));
  const align = isNumeric(field) ? "right" : "left";
  const padded = texts.map((text) => padToWidth(text, width, align));
  return [...padded.slice(0, 2), "-".repeat(width), ...padded.slice(2)];
}

function isNumeric({ type }: ArrowField): boolean {
  return /^(u?int|float|decimal)\d/.test(type.name);
}

/** A line about the rows and columns that are left out. */
function formatRest({ fields, rowCount }: TablePreview, shownColumns: number, totalRows: number): string[] {
  const rest: string[] = [];
  if (totalRows > rowCount) rest.push(formatCount(totalRows - rowCount, "more row"));
  if (fields.length > shownColumns) rest.push(formatCount(fields.length - shownColumns, "more column"));
  if (fields.length === 0) return [`no columns, ${formatCount(Math.max(rowCount, totalRows), "row")}`];
  if (rest.length > 0) return [`… ${rest.join(" and ")}`];
  return rowCount === 0 ? ["no rows"] : [];
}
