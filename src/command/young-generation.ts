/**
 * Keeps V8's young generation at two halves of 4 MiB.
 *
 * V8 doubles it under load to two halves of 16 MiB, and both stay in physical memory. That serves
 * programs with many short-lived objects. This server's bytes lie outside the heap, and with 4 MiB it
 * answers as fast. Node's flag for the maximum has no effect on a heap that exists, so this file
 * takes the growth away instead, and grows the generation once by itself. Workers start after that
 * and get the same size by flags.
 * Measured by `npx tsx test/hostile/run-attack.ts unread-lists` with and without it.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

const MIB = 2 ** 20;
const HALF_MIB = 4;
/** V8 counts both halves. */
const WHOLE_BYTES = 2 * HALF_MIB * MIB;
/** V8 grows when more survived since the last growth than the generation holds. */
const SURVIVORS = 20_000;
/** Doublings from the smallest size of 1 MiB, and some that did not happen. */
const ATTEMPTS_MAX = 8;

/** Call it before a worker starts. */
export function prepareYoungGenerations(): void {
  setFlagsFromString(`--min-semi-space-size=${HALF_MIB}`);
  setFlagsFromString(`--max-semi-space-size=${HALF_MIB}`);
}

/** Call it often: V8 sets the factor back to 2 whenever a worker starts. */
export function stopYoungGrowth(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/** Grows the generation to its size: it is smaller at the start and, from Node 24 on, after an idle time. Takes 5 ms. */
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
