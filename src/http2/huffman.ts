/**
 * Decodes the Huffman code of HPACK strings, four bits at a time.
 *
 * The code is canonical: the lengths define it. A state machine is built from them when this file
 * is loaded. A state is an inner node of the tree and a step takes four bits; no code is shorter
 * than five bits, so a step yields at most one byte. There is no encoder: the server's strings are
 * short, and plain strings cost the peer less.
 * Source: RFC 7541, 5.2 and appendix B.
 * Cost: two table lookups per byte; 16 KiB of tables.
 */
import { assert } from "../errors.ts";
import { Http2Error } from "./http2-error.ts";

/**
 * Code length of each byte, in bits, then of EOS (end of string), which a string must not contain.
 */
const CODE_BITS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const END_OF_STRING = 256;
const CODE_BITS_MIN = 5;
const PADDING_BITS_MAX = 7;

/** A step: the next state in the low byte, the decoded byte above it, then these flags. */
const EMITS = 1 << 16;
const FAILS = 1 << 17;

/**
 * Inner nodes by number, with two children each: a node's number, or `-1 - symbol` for a leaf. Node
 * 0 is the root.
 */
function buildTree(): number[][] {
  const symbols = CODE_BITS.map((_, symbol) => symbol);
  symbols.sort((a, b) => CODE_BITS[a]! - CODE_BITS[b]! || a - b);
  const nodes: number[][] = [[]];
  let code = 0;
  let bits = CODE_BITS_MIN;
  for (const symbol of symbols) {
    code *= 2 ** (CODE_BITS[symbol]! - bits);
    bits = CODE_BITS[symbol]!;
    let node = 0;
    for (let bit = bits - 1; bit > 0; bit--) {
      const children = nodes[node]!;
      const side = (code >>> bit) & 1;
      children[side] ??= nodes.push([]) - 1;
      node = children[side]!;
    }
    nodes[node]![code & 1] = -1 - symbol;
    code++;
  }
  assert(nodes.length === 256, "a code of 257 symbols has 256 inner nodes");
  return nodes;
}

/** The step for four bits in one state. */
function stepOf(nodes: readonly number[][], state: number, nibble: number): number {
  let node = state;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    node = nodes[node]![(nibble >>> bit) & 1]!;
    if (node >= 0) continue;
    const symbol = -1 - node;
    if (symbol === END_OF_STRING) return FAILS;
    emitted = EMITS | (symbol << 8);
    node = 0;
  }
  return emitted | node;
}

const TREE = buildTree();
const STEPS = Int32Array.from({ length: 256 * 16 }, (_, i) => stepOf(TREE, i >>> 4, i & 15));

/** States in which a string may end: under a byte of ones, the prefix of the EOS code. */
const MAY_END = new Uint8Array(256);
for (let node = 0, bits = 0; bits <= PADDING_BITS_MAX; bits++) {
  MAY_END[node] = 1;
  node = TREE[node]![1]!;
}

/** The maximum decoded size of `sizeBytes` of code. */
export function decodedBytesMax(sizeBytes: number): number {
  return Math.floor((sizeBytes * 8) / CODE_BITS_MIN);
}

/**
 * Decodes `source` from `start` to `end` into `target`, which has at least decodedBytesMax bytes.
 * @returns the number of bytes decoded
 * @throws {Http2Error} COMPRESSION_ERROR if the code contains EOS or has invalid padding
 */
export function decodeHuffman(source: Buffer, start: number, end: number, target: Buffer): number {
  let state = 0;
  let sizeBytes = 0;
  for (let i = start; i < end; i++) {
    const byte = source[i]!;
    const high = STEPS[(state << 4) | (byte >>> 4)]!;
    if ((high & EMITS) !== 0) target[sizeBytes++] = high >>> 8;
    const low = STEPS[((high & 0xff) << 4) | (byte & 15)]!;
    if ((low & EMITS) !== 0) target[sizeBytes++] = low >>> 8;
    if (((high | low) & FAILS) !== 0)
      throw new Http2Error("COMPRESSION_ERROR", "a Huffman-coded string contains EOS");
    state = low & 0xff;
  }
  if (MAY_END[state] === 0)
    throw new Http2Error("COMPRESSION_ERROR", "a Huffman-coded string has invalid padding");
  return sizeBytes;
}
