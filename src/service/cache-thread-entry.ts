/**
 * Entry point of the worker thread that runs a cache server.
 *
 * Starts the log and the server, reports the result to the host, and stops when the host sends
 * STOP_MESSAGE. cache-thread.ts is the host's side.
 */
import { parentPort, workerData } from "node:worker_threads";
import { assert, CacheError } from "../errors.ts";
import { startLog } from "../log.ts";
import {
  type CacheThreadOptions,
  RELOAD_MESSAGE,
  RELOADED_MESSAGE,
  STOP_MESSAGE,
  type ThreadReport,
} from "./cache-thread.ts";
import { type RunningCache, startServer } from "./start-server.ts";

assert(parentPort !== null, "this file runs in a worker thread");
const port = parentPort;
const options = workerData as CacheThreadOptions;
startLog({ directives: options.directives, format: "auto", stream: process.stderr });

try {
  const server = await startServer(options.config, options.sources);
  const { endpoint, listening, admin } = server;
  report({ endpoint, listening, admin });
  port.on("message", (message: unknown) => {
    if (message === RELOAD_MESSAGE) void reload(server);
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

async function reload(server: RunningCache): Promise<void> {
  await server.reload();
  port.postMessage(RELOADED_MESSAGE);
}

async function stop(server: RunningCache): Promise<void> {
  await server.stop();
  port.close();
}
