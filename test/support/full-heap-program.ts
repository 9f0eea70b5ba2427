/** Churns beside a large heap, as a busy server with many objects does, and sends the number of full collections. */

import { constants, type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { collectGarbage, prepareMemory } from "../../src/command/process-memory.ts";

const OBJECTS = 600_000;
const TURNS = 300;
/** As one read of a socket. */
const READ_BYTES = 64 * 1024;

prepareMemory();
const entries = new Map(
  Array.from({ length: OBJECTS }, (_, i) => [`app/session/${i}`, { version: i, buffer: [i] }]),
);
const stop = collectGarbage(0);
let collections = 0;
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries() as (PerformanceEntry & { detail: { kind: number } })[])
    if (entry.detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections += 1;
});
observer.observe({ entryTypes: ["gc"] });
for (let turn = 0; turn < TURNS; turn += 1) {
  for (let read = 0; read < 16; read += 1) Buffer.allocUnsafeSlow(READ_BYTES).fill(read);
  await setTimeout(5);
}
stop();
// The count keeps the objects until here.
process.send?.({ collections, objects: entries.size });
