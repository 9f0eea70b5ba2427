/**
 * Formats bytes as a hex dump: `00000010  46 4c 4d 05 ...  FLM.`, sixteen bytes a line. Pure.
 */

const LINE_BYTES = 16;

export interface HexLine {
  readonly offset: string;
  readonly pairs: string;
  readonly text: string;
}

export function hexLines(bytes: Uint8Array): HexLine[] {
  const lines: HexLine[] = [];
  for (let position = 0; position < bytes.length; position += LINE_BYTES) {
    const line = Array.from(bytes.subarray(position, position + LINE_BYTES));
    const pairs = line.map((byte) => byte.toString(16).padStart(2, "0"));
    lines.push({
      offset: position.toString(16).padStart(8, "0"),
      pairs: `${pairs.slice(0, 8).join(" ")}  ${pairs.slice(8).join(" ")}`.trimEnd().padEnd(48),
      text: line.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join(""),
    });
  }
  return lines;
}
