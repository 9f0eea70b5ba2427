/**
 * A value as one line of JSON that cannot steer a terminal.
 *
 * JSON itself leaves the control characters above U+007E, direction marks and line separators as they are. Here they are
 * escaped, which every reader of JSON undoes: the value is the same.
 */
import { escapeUnseen } from "../log-format.ts";

export function jsonLine(value: unknown): string {
  return `${escapeUnseen(JSON.stringify(value))}\n`;
}
