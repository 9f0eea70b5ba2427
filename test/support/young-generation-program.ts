/** Churns as a busy server does, with a worker beside it, and sends the sizes of their young generations, bytes. */
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { getHeapSpaceStatistics } from "node:v8";
import { Worker } from "node:worker_threads";
import { collectGarbage, prepareMemory } from "../../src/command/process-memory.ts";

const YOUNG = `require("node:v8").getHeapSpaceStatistics().find((s) => s.space_name === "new_space").space_size`;
const CHURN = `let kept = []; for (let i = 0; i < 1e6; i += 1) { kept.push([i]); if (kept.length > 60000) kept = []; }`;

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_size ?? 0;
}

prepareMemory();
const stop = collectGarbage(0);
const worker = new Worker(`${CHURN} require("node:worker_threads").parentPort.postMessage(${YOUNG})`, {
  eval: true,
  execArgv: [],
});
const [workerBytes] = await once(worker, "message");
// V8 may grow until the next look after the start of a worker.
await setTimeout(100);
let bytesMax = 0;
let kept: unknown[] = [];
for (let turn = 0; turn < 100; turn += 1) {
  for (let i = 0; i < 60_000; i += 1) kept.push([i]);
  if (turn % 3 === 0) kept = [];
  bytesMax = Math.max(bytesMax, youngBytes());
  await setTimeout(1);
}
stop();
process.send?.({ bytesMax, workerBytes });
