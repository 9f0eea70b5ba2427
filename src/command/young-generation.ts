/**
 * Keeps V8's young generation at two halves of 4 MiB.
 *
 * Under load V8 doubles it to two halves of 16 MiB, and both stay in physical memory. That helps
 * programs with many short-lived objects in the heap. This server's bytes lie outside the heap, and
 * it answers as fast with 4 MiB. Node's flag for the maximum has no effect on an existing heap, so
 * this file grows the generation once and then disables growth. Workers start later and get the
 * size by flags. Measured with and without it by `npx tsx test/hostile/run-attack.ts unread-lists`.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

const MIB = 2 ** 20;
const HALF_MIB = 4;
/** Size as V8 reports it: both halves. */
const WHOLE_BYTES = 2 * HALF_MIB * MIB;
/** Objects that survive a collection, enough to make V8 grow the generation. */
const SURVIVORS = 20_000;
/** Enough doublings from the smallest size of 1 MiB, with spare attempts. */
const ATTEMPTS_MAX = 8;

/** Call it before a worker starts. */
export function prepareYoungGenerations(): void {
  setFlagsFromString(`--min-semi-space-size=${HALF_MIB}`);
  setFlagsFromString(`--max-semi-space-size=${HALF_MIB}`);
}

/** Disables growth. Call it often: V8 resets the factor to 2 whenever a worker starts. */
export function stopYoungGrowth(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * Grows the generation to its target size, below which it is at the start and, from Node 24 on,
 * after idle times. Takes 5 ms.
 */
export function growYoungGeneration(collectYoung: () => void): void {
  for (let attempt = 0; attempt < ATTEMPTS_MAX && wholeBytes() < WHOLE_BYTES; attempt += 1) {
    const survivors = Array.from({ length: SURVIVORS }, (_, i) => [i]);
    setFlagsFromString("--semi-space-growth-factor=2");
    collectYoung();
    stopYoungGrowth();
    survivors.length = 0;
  }
}

function wholeBytes(): number {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
  return young?.space_size ?? WHOLE_BYTES;
}
