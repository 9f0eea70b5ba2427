/**
 * Formats a value as one line of JSON that cannot control a terminal.
 *
 * JSON.stringify leaves control characters above U+007E, direction marks and line separators
 * unescaped. This file escapes them; every JSON reader restores the same value.
 */
import { escapeInvisible } from "../log-format.ts";

export function jsonLine(value: unknown): string {
  return `${escapeInvisible(JSON.stringify(value))}\n`;
}
