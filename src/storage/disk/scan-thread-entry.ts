/**
 * The worker thread of a scan: it walks the directory and pauses while the host is busy.
 *
 * It holds no state that needs cleanup, so it may be terminated at any time.
 */
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../errors.ts";
import { type ScanOrder, type ScanReport, STOP } from "./scan-thread.ts";
import { recordSessions, walkObjects } from "./walk-objects.ts";
import type { WalkOptions } from "./walk-session.ts";

assert(parentPort !== null, "this file runs in a worker thread");
const port = parentPort;
const { root, removals, credit, isForRecords } = workerData as ScanOrder;

function report(message: ScanReport, transferred: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, transferred);
}

/** False if the host wants no more. */
function mayGoOn(): boolean {
  for (;;) {
    const batches = Atomics.load(credit, 0);
    if (batches === STOP) return false;
    if (batches > 0) {
      if (Atomics.compareExchange(credit, 0, batches, batches - 1) === batches) return true;
    } else Atomics.wait(credit, 0, batches);
  }
}

const options: WalkOptions = {
  root,
  removals: () => Atomics.load(removals, 0),
  onUnreadable: (path, errno) => report({ unreadable: { path, errno } }),
  onUnsettled: () => report({ unsettled: true }),
};
if (isForRecords) for (const _ of recordSessions(options));
else {
  for (const found of walkObjects(options)) {
    if (!mayGoOn()) break;
    report({ found }, [found.facts.numbers.buffer as ArrayBuffer]);
  }
}
