/**
 * Tells V8 how far the heap may grow between two full collections, for a process whose memory lies outside of the heap.
 *
 * Every read of a socket is 64 KiB outside of the heap, garbage at once, and freed by the next cheap collection of young
 * objects. But V8 counts these bytes as growth of a heap of 12 MB, and starts a full collection for each 16 MB that
 * pass: half of the time of a put of a large object. With a growth of 300 percent, V8's own upper bound, it is
 * one in twenty of them. The option holds for the whole process, so only the command sets it, never a host's thread.
 * Measured by `node --trace-gc`; see docs/performance.md.
 */
import { setFlagsFromString } from "node:v8";

const GROWTH_PERCENT = 300;

export function allowHeapGrowth(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
