/**
 * The worker thread that records sessions: it walks one after the other and reports the results.
 *
 * It holds no state that needs cleanup, so it may be terminated at any time.
 */
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../errors.ts";
import { lookAtSessions, type RecordOrder } from "./record-thread.ts";

assert(parentPort !== null, "this file runs in a worker thread");
for (const report of lookAtSessions(workerData as RecordOrder)) {
  if (report !== undefined) parentPort.postMessage(report);
}
