/**
 * What runs in the thread that records sessions: walks one after the other and tells what it found.
 *
 * It holds nothing that has to be put back, so it may be ended at any moment.
 */
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../errors.ts";
import { lookAtSessions, type RecordOrder } from "./record-thread.ts";

assert(parentPort !== null, "this file runs in a worker thread");
for (const report of lookAtSessions(workerData as RecordOrder)) {
  if (report !== undefined) parentPort.postMessage(report);
}
