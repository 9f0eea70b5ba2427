/**
 * A cache server inside the test's process, on a free port of the loopback, with a client on it.
 */
import type { CacheConfig } from "../../src/config/cache-config.ts";
import { LIMITS } from "../../src/limits.ts";
import { type RunningCache, startServer } from "../../src/service/start-server.ts";
import { FlightTestClient } from "./flight-client.ts";
import { SERVING_THREADS } from "./serving-threads.ts";

/** @param directory where objects are kept; absent: in memory. */
export function serverConfig(directory?: string, more: Partial<CacheConfig> = {}): CacheConfig {
  return {
    endpoint: { scheme: "grpc", host: "127.0.0.1", port: 0 },
    advertise: undefined,
    replicaEndpoint: undefined,
    networkInterface: undefined,
    threads: SERVING_THREADS,
    admin: undefined,
    http: undefined,
    corsOrigins: [],
    access: { file: undefined, isRequired: false },
    storage: directory === undefined ? { kind: "none" } : { kind: "files", directory },
    durability: "restart",
    verifyReads: "always",
    validateTables: "structure",
    capacityBytes: undefined,
    eviction: { policy: "adaptive", maxMemoryBytes: 1024 ** 3, maxObjects: undefined },
    limits: {
      callsMemoryBytes: LIMITS.callsMemoryBytes,
      connections: LIMITS.connectionsMax,
      idleCallMs: LIMITS.idleCallMs,
    },
    tls: undefined,
    journalBytes: 64 * 1024 ** 2,
    ...more,
  };
}

export interface InProcessServer {
  readonly endpoint: string;
  readonly client: FlightTestClient;
  /** Closes the client and stops the server. */
  stop(): Promise<void>;
}

export async function startInProcess(
  directory?: string,
  more?: Partial<CacheConfig>,
): Promise<InProcessServer> {
  const server: RunningCache = await startServer(serverConfig(directory, more));
  const client = new FlightTestClient(server.endpoint);
  return {
    endpoint: server.endpoint,
    client,
    async stop() {
      await client.close();
      await server.stop();
    },
  };
}
