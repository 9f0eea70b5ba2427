/**
 * Builds the gRPC server of a configuration, with TLS and with threads for its connections, and
 * makes it listen.
 */
import type { CacheConfig } from "../config/cache-config.ts";
import { readTlsFiles } from "../config/tls-files.ts";
import { CacheError } from "../errors.ts";
import type { MethodTable } from "../grpc/call.ts";
import { GrpcServer } from "../grpc/server.ts";
import type { OpenTransport } from "../grpc/server-transport.ts";
import { logFor } from "../log.ts";
import { canSharePort } from "../relay/share-port.ts";
import { ThreadedTransport } from "../relay/threaded-transport.ts";
import { listenError } from "./listen-error.ts";

const log = logFor("server");

/** The configured number of threads; one if this system cannot share a port among several. */
export function servingThreads({ threads }: CacheConfig): number {
  if (threads === 1 || canSharePort()) return threads;
  const facts = { threads, platform: process.platform, node: process.versions.node };
  log.warn("one thread serves all connections: several need Linux and Node 22.12 or later", facts);
  return 1;
}

/**
 * Builds the server without listening.
 * @throws {CacheError} INVALID_CONFIG for unusable TLS files.
 */
export function openFlightServer(
  methods: MethodTable,
  { tls, limits }: CacheConfig,
  threads: number,
): GrpcServer {
  const { connections: connectionsMax, ...bounds } = limits;
  const files = tls && readTlsFiles(tls);
  try {
    if (threads === 1)
      return new GrpcServer({ methods, connectionsMax, ...bounds, ...(files && { tls: files }) });
    const openTransport: OpenTransport = (listener, memory) =>
      new ThreadedTransport(listener, { threads, memory, connectionsMax, tls: files });
    return new GrpcServer({ methods, ...bounds, openTransport });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const facts = { key: "tls.cert_file", value: tls?.certFile };
    throw new CacheError("INVALID_CONFIG", `the TLS files cannot be used: ${reason}`, { cause, facts });
  }
}

export async function listen(server: GrpcServer, host: string, port: number): Promise<{ port: number }> {
  try {
    return await server.listen(host, port);
  } catch (cause) {
    throw listenError(cause, { key: "endpoint", host, port });
  }
}
