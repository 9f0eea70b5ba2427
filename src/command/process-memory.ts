/**
 * Sets up V8 for a process whose memory lies outside of the heap, and returns garbage when the process has nothing to do.
 *
 * Every read of a socket is 64 KiB outside of the heap, garbage at once, and freed by the next cheap collection of young
 * objects. But V8 counts these bytes as growth of a heap of 12 MB, and starts a full collection for each 16 MB that
 * pass: half of the time of a put of a large object. With a growth of 300 percent, V8's own upper bound, it is
 * one in twenty of them. An idle process starts no collection at all, and would keep what a burst of calls left behind.
 * The options hold for the whole process, so only the command sets them, never a host's thread.
 * Measured by `node --trace-gc`; see docs/performance.md.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const GROWTH_PERCENT = 300;
const LOOK_INTERVAL_MS = 2_000;
/** Below this share of its time the event loop is idle: a pause of some 20 ms hurts nobody. */
const IDLE_UTILIZATION = 0.05;
/** After so much work there may be garbage worth looking for, ms. */
const WORK_MS = 100;

/** Call it before anything else runs: what is offered holds for contexts that are made later. */
export function prepareMemory(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  // Node 20 has it behind this flag; storage/free-memory.ts looks for it.
  setFlagsFromString("--harmony-rab-gsab-transfer");
  setFlagsFromString("--expose-gc");
}

/** Collects once after each burst of work. @returns a way to stop. */
export function collectWhenIdle(): () => void {
  const collect = runInNewContext("gc") as (options?: { readonly type: "minor" }) => void;
  let before = performance.eventLoopUtilization();
  let collectedAt = before;
  let isSwept = true;
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    if (utilization > IDLE_UTILIZATION) return;
    const workedMs = performance.eventLoopUtilization(now, collectedAt).active;
    // The second, cheap one counts what the first has freed meanwhile.
    if (workedMs >= WORK_MS) collect();
    else if (!isSwept) collect({ type: "minor" });
    else return;
    isSwept = workedMs < WORK_MS;
    collectedAt = performance.eventLoopUtilization();
  }, LOOK_INTERVAL_MS).unref();
  return () => clearInterval(timer);
}
