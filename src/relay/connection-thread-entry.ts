/**
 * Entry point of the worker thread of connections: it runs sockets, TLS and HTTP/2, and relays the
 * streams to the host.
 *
 * It has no durable state: if it dies, its connections close, and the host starts another thread.
 */
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../errors.ts";
import { LocalTransport } from "../grpc/local-transport.ts";
import { CallMemory } from "../http2/call-memory.ts";
import { forwardLog } from "../log.ts";
import { ConnectionCounts } from "./connection-counts.ts";
import { RelayingStreams } from "./relaying-streams.ts";
import {
  type ConnectionThreadOptions,
  isRelayMessage,
  type ThreadCommand,
  type ThreadReport,
  type ToThread,
} from "./thread-messages.ts";

assert(parentPort !== null, "this file runs in a worker thread");
const port = parentPort;
const { tls, thread, counts, logThreshold, callsMemoryBytes, connectionsMax } =
  workerData as ConnectionThreadOptions;
forwardLog(logThreshold, (line) => report({ report: "log", line }));

const streams = new RelayingStreams(port);
const transport = new LocalTransport(
  { onStream: streams.take, onEmpty: () => report({ report: "empty" }) },
  {
    tls,
    listenOptions: { reusePort: true, connectionsMax, count: new ConnectionCounts(counts).of(thread) },
    memory: new CallMemory(callsMemoryBytes),
  },
);

port.on("message", (message: ToThread) => {
  if (isRelayMessage(message)) streams.receive(message);
  else void answer(message);
});

function report(message: ThreadReport): void {
  port.postMessage(message);
}

async function answer(command: ThreadCommand): Promise<void> {
  try {
    report({ report: "done", port: await execute(command) });
  } catch (error) {
    report({ report: "refused", error: error instanceof Error ? error : new Error(String(error)) });
  }
  if (command.command === "end") port.close();
}

/** @returns the port that `listen` uses; 0 for other commands. */
async function execute(command: ThreadCommand): Promise<number> {
  if (command.command === "listen") return (await transport.listen(command.host, command.port)).port;
  if (command.command === "drain") transport.drain();
  else if (command.command === "setTls") transport.setTls(command.tls);
  else transport.destroyConnections();
  return 0;
}
