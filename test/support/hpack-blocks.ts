/**
 * Header blocks by hand: each part of HPACK as bytes, for blocks that no encoder makes.
 *
 * Strings are plain. Source: RFC 7541, 5 and 6.
 */

/** An integer behind `pattern`, which stands above its prefix of `prefixBits`. */
export function integer(value: number, prefixBits: number, pattern = 0): Buffer {
  const prefixMax = 2 ** prefixBits - 1;
  if (value < prefixMax) return Buffer.from([pattern | value]);
  const bytes = [pattern | prefixMax];
  let rest = value - prefixMax;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

export function plain(text: string): Buffer {
  return Buffer.concat([integer(text.length, 7), Buffer.from(text, "latin1")]);
}

export const indexed = (index: number): Buffer => integer(index, 7, 0x80);
export const tableSize = (bytesMax: number): Buffer => integer(bytesMax, 5, 0x20);

/** A literal that goes into the table. */
export function added(name: string, value: string): Buffer {
  return Buffer.concat([integer(0, 6, 0x40), plain(name), plain(value)]);
}

/** A literal that does not. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([integer(0, 4), plain(name), plain(value)]);
}

/** A literal that nobody on the way may put into a table. */
export function neverIndexed(name: string, value: string): Buffer {
  return Buffer.concat([integer(0, 4, 0x10), plain(name), plain(value)]);
}

/** `:method POST`, `:scheme http`, `:path /x`. */
export const REQUEST_LINE = Buffer.concat([indexed(3), indexed(6), integer(4, 4), plain("/x")]);
