/**
 * The worker thread of a scan: it walks the directory and pauses while the host is busy.
 *
 * It holds no state that needs cleanup, so it may be terminated at any time.
 */
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../errors.ts";
import { type ScanOrder, type ScanReport, STOP } from "./scan-thread.ts";
import { walkObjects } from "./walk-objects.ts";

assert(parentPort !== null, "this file runs in a worker thread");
const port = parentPort;
const { root, removals, credit } = workerData as ScanOrder;

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

const walk = walkObjects({
  root,
  removals: () => Atomics.load(removals, 0),
  onUnreadable: (path, errno) => report({ unreadable: { path, errno } }),
  onUnsettled: (unsettled) => report({ unsettled }),
});
for (const found of walk) {
  if (!mayGoOn()) break;
  report({ found }, [found.facts.numbers.buffer as ArrayBuffer]);
}
