/**
 * Colours for a terminal; text for a pipe, a file or a terminal without colours stays as it is.
 *
 * NO_COLOR and TERM are read by Node, in `hasColors` of the stream.
 */
import type { OutputStream } from "./command-context.ts";

const CODES = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const;

export type Colour = keyof typeof CODES;

export function paint(stream: OutputStream, colour: Colour, text: string): string {
  return hasColours(stream) ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}

export function hasColours(stream: OutputStream): boolean {
  return stream.isTTY === true && stream.hasColors?.() !== false;
}
