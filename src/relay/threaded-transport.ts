/**
 * The transport of a server whose connections are in other threads: each thread listens on the same
 * port, and the system distributes the connections.
 *
 * A port in use is refused, although the system could share it: two servers on one port would each
 * get some calls of the other.
 */
import { once } from "node:events";
import { createServer } from "node:net";
import type { ListenAddress } from "../grpc/listeners.ts";
import { checkServerTls } from "../grpc/secure-context.ts";
import type { ServerTls, ServerTransport, TransportListener } from "../grpc/server-transport.ts";
import type { CallMemory } from "../http2/call-memory.ts";
import { logFor, thresholdOf } from "../log.ts";
import { ConnectionCounts } from "./connection-counts.ts";
import { ConnectionThread } from "./connection-thread.ts";

export interface ThreadedTransportOptions {
  readonly threads: number;
  /** The account of the calls; each thread gets an equal part for its connections. */
  readonly memory: CallMemory;
  /** For all threads together; default LIMITS.connectionsMax. */
  readonly connectionsMax?: number;
  readonly tls: ServerTls | undefined;
}

export class ThreadedTransport implements ServerTransport {
  readonly #counts: ConnectionCounts;
  readonly #threads: readonly ConnectionThread[];

  /** Threads start with the first address. @throws if certificate and key cannot be used. */
  constructor(
    { onStream, onEmpty }: TransportListener,
    { threads, tls, memory, connectionsMax }: ThreadedTransportOptions,
  ) {
    if (tls !== undefined) checkServerTls(tls);
    const counts = new ConnectionCounts(threads);
    this.#counts = counts;
    const logThreshold = thresholdOf(logFor("grpc"));
    this.#threads = Array.from({ length: threads }, (_, thread) => {
      const callsMemoryBytes = memory.bytesMax / threads;
      const options = { tls, thread, counts: counts.counts, logThreshold, callsMemoryBytes, connectionsMax };
      const onDied = (): void => {
        counts.clear(thread);
        onEmpty();
      };
      return new ConnectionThread({ options, onStream, memory, onEmpty, onDied });
    });
  }

  get connections(): number {
    return this.#counts.total;
  }

  get refusedConnections(): number {
    return this.#counts.refused;
  }

  async listen(host: string, port: number): Promise<ListenAddress> {
    if (port !== 0) await requireFree(host, port);
    const [first, ...others] = this.#threads;
    const listened = (await first?.listen(host, port)) ?? port;
    await Promise.all(others.map((thread) => thread.listen(host, listened)));
    return { host, port: listened };
  }

  async drain(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.drain()));
  }

  async setTls(tls: ServerTls): Promise<void> {
    checkServerTls(tls);
    await Promise.all(this.#threads.map((thread) => thread.setTls(tls)));
  }

  destroyConnections(): void {
    for (const thread of this.#threads) thread.destroyConnections();
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }
}

/** Rejects with the system error if the port is in use. */
async function requireFree(host: string, port: number): Promise<void> {
  const server = createServer();
  server.listen({ host, port });
  await once(server, "listening");
  server.close();
  await once(server, "close");
}
