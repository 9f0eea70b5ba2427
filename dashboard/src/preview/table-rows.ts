/**
 * Decodes the first rows of an Arrow stream into cells of text. Pure.
 *
 * The stream is hostile and may be cut off: complete messages are decoded, columns and rows are
 * capped, and a value is formatted only as far as a cell has space.
 */
import { type Column, tableFromIPC } from "@uwdata/flechette";
import { cellText } from "./cell-text.ts";
import { wholeMessages } from "./flat-table.ts";
import { typeText } from "./type-text.ts";

export interface PreviewField {
  readonly name: string;
  readonly type: string;
  readonly isNumeric: boolean;
  readonly isNullable: boolean;
}

export interface TablePreview {
  readonly fields: readonly PreviewField[];
  /** Texts; null for a missing value. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** Columns that are not in `rows`. */
  readonly hiddenColumns: number;
}

const COLUMNS_MAX = 60;
const FIELDS_MAX = 500;
const NUMERIC = /^(u?int|float|decimal)/;

/** @throws {Error} if the stream cannot be decoded */
export function previewTable(stream: Uint8Array, rowsMax: number): TablePreview {
  const whole = wholeMessages(stream);
  if (whole.length === 0) throw new Error("the first message of the stream is not complete");
  const table = tableFromIPC(whole, { useBigInt: true });
  const fields = table.schema.fields.slice(0, FIELDS_MAX).map(({ name, type, nullable }): PreviewField => {
    const text = typeText(type);
    return { name, type: text, isNumeric: NUMERIC.test(text), isNullable: nullable };
  });
  const columns: Column<unknown>[] = table.schema.fields
    .slice(0, COLUMNS_MAX)
    .map((_, index) => table.getChildAt(index));
  const length = Math.min(rowsMax, table.numRows);
  const rows = Array.from({ length }, (_, row) =>
    columns.map((column, index) => cellText(column.at(row), fields[index]!.type)),
  );
  return { fields, rows, hiddenColumns: Math.max(0, table.numCols - COLUMNS_MAX) };
}
