/**
 * Tables as Markdown, aligned for people who read them on a terminal, and the few ways in which the bench writes numbers.
 */
import { KIB, MIB } from "../names.ts";

/** @param textColumns how many columns, from the left, are words; the others are aligned to the right. */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  textColumns = 2,
): string {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const formatRow = (row: readonly string[]): string => {
    const cells = widths.map((width, i) =>
      i < textColumns ? (row[i] ?? "").padEnd(width) : (row[i] ?? "").padStart(width),
    );
    return `| ${cells.join(" | ")} |`;
  };
  const rule = widths.map((width, i) =>
    i < textColumns ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`,
  );
  return [formatRow(head), `|${rule.join("|")}|`, ...rows.map(formatRow)].join("\n");
}

export function formatSize(sizeBytes: number): string {
  if (sizeBytes >= 1024 * MIB) return `${sizeBytes / (1024 * MIB)} GiB`;
  return sizeBytes >= MIB ? `${sizeBytes / MIB} MiB` : `${sizeBytes / KIB} KiB`;
}

/** The lowest and the highest of the rounds. */
export function formatSpread(
  { lowest, highest }: { lowest: number; highest: number },
  digits: number,
): string {
  return `${lowest.toFixed(digits)} - ${highest.toFixed(digits)}`;
}
