/**
 * Prints rows in aligned columns as they arrive: a million rows need no more memory than a few.
 *
 * The first rows are held back to find the column widths. Later, a column grows if a text does not
 * fit, up to WIDTH_MAX; a longer text breaks the alignment of its own line only. A left-aligned
 * last column is not padded, so that no line ends in spaces.
 */
import { displayWidth, padToWidth } from "./display-text.ts";

export interface ColumnSpec {
  readonly title: string;
  readonly align: "left" | "right";
}

const HELD_ROWS_MAX = 500;
/** Total characters of the rows that are held back. */
const HELD_LENGTH_MAX = 1024 * 1024;
/** A key has 602 bytes at most. */
const WIDTH_MAX = 1000;
const GAP = "  ";

export class ColumnPrinter {
  readonly #columns: readonly ColumnSpec[];
  readonly #print: (lines: string) => Promise<void>;
  readonly #widths: number[];
  #held: (readonly string[])[] | undefined = [];
  #heldLength = 0;

  /** @param hasHead true: prints the titles before the first row. */
  constructor(columns: readonly ColumnSpec[], hasHead: boolean, print: (lines: string) => Promise<void>) {
    this.#columns = columns;
    this.#print = print;
    this.#widths = columns.map(() => 0);
    if (hasHead) this.#held?.push(columns.map(({ title }) => title));
  }

  /** Adds a row. @param cells one per column. */
  async add(cells: readonly string[]): Promise<void> {
    if (this.#held === undefined) {
      this.#widen(cells);
      await this.#print(`${this.#line(cells)}\n`);
      return;
    }
    this.#held.push(cells);
    for (const cell of cells) this.#heldLength += cell.length;
    if (this.#held.length >= HELD_ROWS_MAX || this.#heldLength >= HELD_LENGTH_MAX) await this.end();
  }

  /** Prints the rows that are held back; `add` may be called again. */
  async end(): Promise<void> {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const cells of held) this.#widen(cells);
    if (held.length > 0) await this.#print(held.map((cells) => `${this.#line(cells)}\n`).join(""));
  }

  #widen(cells: readonly string[]): void {
    cells.forEach((cell, index) => {
      const width = Math.min(WIDTH_MAX, displayWidth(cell));
      this.#widths[index] = Math.max(this.#widths[index] ?? 0, width);
    });
  }

  #line(cells: readonly string[]): string {
    return cells
      .map((cell, index) => {
        const align = this.#columns[index]?.align ?? "left";
        const isLast = index === cells.length - 1;
        return isLast && align === "left" ? cell : padToWidth(cell, this.#widths[index] ?? 0, align);
      })
      .join(GAP);
  }
}
