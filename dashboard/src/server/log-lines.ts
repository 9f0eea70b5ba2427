/**
 * The lines of the log on the page: parsed, counted, and only the latest kept. Pure.
 */
import type { LogLine } from "../api/answers.ts";
import { cut, visible } from "../format/visible-text.ts";

export interface ShownLine {
  readonly number: number;
  readonly time: string;
  readonly level: string;
  readonly target: string;
  readonly text: string;
  /** The fields as `name=value`. */
  readonly fields: string;
}

export const LINES_MAX = 1_000;
const FIELDS_LENGTH = 2_000;
const FIXED = new Set(["time", "level", "target", "text"]);

export function showLine(line: LogLine, number: number): ShownLine {
  const fields = Object.entries(line)
    .filter(([name]) => !FIXED.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? quoted(value) : JSON.stringify(value)}`);
  return {
    number,
    time: line.time.slice(11, 23),
    level: line.level,
    target: visible(line.target.replace(/^flame_cache::/, "")),
    text: visible(line.text),
    fields: visible(cut(fields.join(" "), FIELDS_LENGTH)),
  };
}

function quoted(text: string): string {
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

export function keepLatest(lines: readonly ShownLine[], added: readonly ShownLine[]): ShownLine[] {
  return [...lines, ...added].slice(-LINES_MAX);
}

export function matches({ target, text, fields }: ShownLine, filter: string): boolean {
  return filter === "" || `${target} ${text} ${fields}`.toLowerCase().includes(filter.toLowerCase());
}
