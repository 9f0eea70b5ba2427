/**
 * Preloaded into the attacked server (`node --import`): how long the turns of its event loop take, and what memory it holds.
 *
 * A timer of a millisecond fires once in each turn; what lies between two of them is the turn. Its length is told by the clock and,
 * from the kernel's schedstat, by the time the main thread was on a processor: the rest it waited, for a disk or because other
 * programs ran. Every 100 ms a line of JSON goes to the file TURN_RECORD. MEMORY_GROUP is the file of a cgroup that the process
 * joins first.
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
  /** Nanoseconds that the main thread had of a processor, so far. */
  const workedNs = () =>
    Number(text.toString("latin1", 0, readSync(schedstat, text, 0, 64, 0)).split(" ")[0]);
  const startedBy = process.ppid;
  let last = performance.now();
  let worked = workedNs();
  let windowStart = last;
  let longest = { turnMs: 0, workedMs: 0 };
  const tick = () => {
    const now = performance.now();
    const turn = { turnMs: now - last - 1, workedMs: (workedNs() - worked) / 1e6 };
    if (turn.workedMs > longest.workedMs) longest = turn;
    if (now - windowStart >= WINDOW_MS) {
      // Whoever measured was killed: nobody else would end the server.
      if (process.ppid !== startedBy) process.exit(1);
      const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
      const memory = { rss, heapUsed, external, arrayBuffers };
      writeSync(file, `${JSON.stringify({ time: Date.now(), ...longest, ...memory })}\n`);
      windowStart = now;
      longest = { turnMs: 0, workedMs: 0 };
    }
    // What the recorder itself took belongs to no turn.
    last = performance.now();
    worked = workedNs();
  };
  setInterval(tick, 1).unref();
}
