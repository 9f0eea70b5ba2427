/**
 * Builds the gRPC server of a configuration, with TLS and with threads for its connections, and
 * makes it listen.
 */
import type { CacheConfig } from "../config/cache-config.ts";
import type { MethodTable } from "../grpc/call.ts";
import { GrpcServer } from "../grpc/server.ts";
import type { OpenTransport, ServerTls } from "../grpc/server-transport.ts";
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

export interface FlightServerOptions {
  readonly config: CacheConfig;
  readonly methods: MethodTable;
  readonly threads: number;
  /** For an endpoint with TLS. */
  readonly tls: ServerTls | undefined;
}

/** Builds the server without listening. */
export function openFlightServer({ config, methods, threads, tls }: FlightServerOptions): GrpcServer {
  const { connections: connectionsMax, ...bounds } = config.limits;
  const endpointTls = config.endpoint.scheme === "grpcs" ? tls : undefined;
  if (threads === 1) {
    return new GrpcServer({ methods, connectionsMax, ...bounds, ...(endpointTls && { tls: endpointTls }) });
  }
  const openTransport: OpenTransport = (listener, memory) =>
    new ThreadedTransport(listener, { threads, memory, connectionsMax, tls: endpointTls });
  return new GrpcServer({ methods, ...bounds, openTransport });
}

export async function listen(server: GrpcServer, host: string, port: number): Promise<{ port: number }> {
  try {
    return await server.listen(host, port);
  } catch (cause) {
    throw listenError(cause, { key: "endpoint", host, port });
  }
}
