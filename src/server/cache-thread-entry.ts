/**
 * What runs in the worker thread: log, server, one report to the host, and the wait for its word to stop.
 */
import { parentPort, workerData } from "node:worker_threads";
import { assert, CacheError } from "../errors.ts";
import { startLog } from "../log.ts";
import { STOP_MESSAGE, type ThreadOrder, type ThreadReport } from "./cache-thread.ts";
import { type RunningCache, startServer } from "./start-server.ts";

assert(parentPort !== null, "this file runs in a worker thread");
const port = parentPort;
const order = workerData as ThreadOrder;
startLog({ directives: order.directives, format: "auto", stream: process.stderr });

try {
  const server = await startServer(order.config);
  report({ endpoint: server.endpoint, listening: server.listening });
  port.on("message", (message: unknown) => {
    if (message === STOP_MESSAGE) void stop(server);
  });
} catch (error) {
  const code = error instanceof CacheError ? error.code : undefined;
  report({ failure: { code, text: error instanceof Error ? error.message : String(error) } });
  port.close();
}

function report(message: ThreadReport): void {
  port.postMessage(message);
}

async function stop(server: RunningCache): Promise<void> {
  await server.stop();
  port.close();
}
