/**
 * Hashes a name to 32 bits, for policies that remember many names and tolerate collisions.
 *
 * FNV-1a over the name's UTF-16 units, then two rounds of shifts and multiplications, so that any
 * few bits can be used alone. Not keyed: a client that chooses names can cause collisions, which
 * only worsens hit ratios.
 * Cost: a nanosecond per character, more for the first read of a concatenated name.
 */

/** @returns an integer from -2^31 to 2^31 - 1, which needs no box. */
export function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return hash ^ (hash >>> 16);
}
