/**
 * Preloaded into the attacked server (`node --import`): how long the turns of its event loop take, and what memory it holds.
 *
 * A timer of a millisecond fires once in each turn. What lies between two of them is the turn's length; what the kernel kept the
 * main thread waiting for a processor meanwhile (schedstat) is told apart, because other programs on the machine cause it. Every
 * 100 ms a line of JSON goes to the file TURN_RECORD. MEMORY_GROUP is the file of a cgroup that the process joins first.
 */
import { openSync, readSync, writeFileSync, writeSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

const { TURN_RECORD, MEMORY_GROUP } = process.env;
const WINDOW_MS = 100;

if (isMainThread && MEMORY_GROUP) writeFileSync(MEMORY_GROUP, String(process.pid));
if (isMainThread && TURN_RECORD) record(openSync(TURN_RECORD, "a"));

/** @param {number} file */
function record(file) {
  const text = Buffer.alloc(64);
  const schedstat = openSync(`/proc/self/task/${process.pid}/schedstat`, "r");
  /** Nanoseconds for which the main thread could have run and did not. */
  const waitedNs = () =>
    Number(text.toString("latin1", 0, readSync(schedstat, text, 0, 64, 0)).split(" ")[1]);
  let last = performance.now();
  let waited = waitedNs();
  let windowStart = last;
  let longest = { turnMs: 0, waitedMs: 0 };
  const tick = () => {
    const now = performance.now();
    const waitedNow = waitedNs();
    const turn = { turnMs: now - last - 1, waitedMs: (waitedNow - waited) / 1e6 };
    if (turn.turnMs - turn.waitedMs > longest.turnMs - longest.waitedMs) longest = turn;
    if (now - windowStart >= WINDOW_MS) {
      const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
      const memory = { rss, heapUsed, external, arrayBuffers };
      writeSync(file, `${JSON.stringify({ time: Date.now(), ...longest, ...memory })}\n`);
      windowStart = now;
      longest = { turnMs: 0, waitedMs: 0 };
    }
    // What the recorder itself took belongs to no turn.
    last = performance.now();
    waited = waitedNow;
  };
  setInterval(tick, 1).unref();
}
