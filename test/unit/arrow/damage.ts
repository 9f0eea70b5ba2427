/**
 * Damaged bytes, and what a decoder makes of them: a clean result or INVALID_IPC, soon, and nothing else.
 */
import { isCacheError } from "../../../src/errors.ts";

/** How long a decoder may take for a small sample, whatever is in it. */
export const DECODE_MS_MAX = 100;

export interface Outcome {
  readonly refused: boolean;
  readonly tookMs: number;
}

/** Runs a decoder. Any error but INVALID_IPC is thrown on. */
export function outcomeOf(decode: () => unknown): Outcome {
  const start = performance.now();
  let refused = false;
  try {
    decode();
  } catch (error) {
    if (!isCacheError(error, "INVALID_IPC")) throw error;
    refused = true;
  }
  return { refused, tookMs: performance.now() - start };
}

/** The same, but of several runs the fastest: other work on the machine must not count. */
export function fastestOutcomeOf(decode: () => unknown): Outcome {
  let fastest = outcomeOf(decode);
  for (let run = 0; run < 20 && fastest.tookMs > DECODE_MS_MAX; run++) fastest = outcomeOf(decode);
  return fastest;
}

/** Every prefix, the whole left out, each as bytes of its own so that nothing can be read behind its end. */
export function* truncations(bytes: Uint8Array): Generator<Buffer> {
  for (let length = 0; length < bytes.length; length++) yield Buffer.from(bytes.subarray(0, length));
}

/** The bytes with one bit changed, for each bit. The same buffer every time. */
export function* bitFlips(bytes: Uint8Array): Generator<Buffer> {
  const flipped = Buffer.from(bytes);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    yield flipped;
    flipped[bit >> 3]! ^= 1 << (bit & 7);
  }
}

/** Every aligned 4 bytes overwritten by each of these numbers in turn. The same buffer every time. */
export function* overwrites(bytes: Uint8Array, values: readonly number[]): Generator<Buffer> {
  const changed = Buffer.from(bytes);
  for (let position = 0; position + 4 <= bytes.length; position += 4) {
    const old = changed.readUInt32LE(position);
    for (const value of values) {
      changed.writeUInt32LE(value, position);
      yield changed;
    }
    changed.writeUInt32LE(old, position);
  }
}
