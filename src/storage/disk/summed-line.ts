/**
 * One line of text with a checksum, for the retention journal and the version floor.
 *
 *     CRC-32 of what follows the space, 8 hex digits | space | text without a line feed | line feed
 */
import { crc32 } from "node:zlib";

const SUM_LETTERS = 8;

export function formatSummedLine(text: string): string {
  return `${crc32(text).toString(16).padStart(SUM_LETTERS, "0")} ${text}\n`;
}

/** @param line without its line feed. @returns undefined if it is not intact. */
export function parseSummedLine(line: string): string | undefined {
  const text = line.slice(SUM_LETTERS + 1);
  return formatSummedLine(text) === `${line}\n` ? text : undefined;
}
