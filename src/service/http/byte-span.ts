/**
 * Parses the header `Range`. Pure.
 *
 * Source: RFC 9110, "Range Requests". A single range of bytes is served. Several ranges and other
 * units are ignored, as the RFC allows: the answer is then the whole body.
 */

/** `to` is the position after the last byte. */
export interface ByteSpan {
  readonly from: number;
  readonly to: number;
}

const RANGE = /^bytes=(\d{0,15})-(\d{0,15})$/i;

/** @returns undefined: all bytes; "outside": no byte of the range exists. */
export function parseRange(header: string | undefined, sizeBytes: number): ByteSpan | "outside" | undefined {
  const [, first = "", last = ""] = RANGE.exec(header?.replaceAll(/[ \t]/g, "") ?? "") ?? [];
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const from = Math.max(0, sizeBytes - Number(last));
    return from < sizeBytes ? { from, to: sizeBytes } : "outside";
  }
  if (last !== "" && Number(last) < Number(first)) return undefined;
  if (Number(first) >= sizeBytes) return "outside";
  const to = last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  return { from: Number(first), to };
}
