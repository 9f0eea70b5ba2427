/**
 * Builds and connects the server: storage, cache, Flight service, gRPC. The only place that does.
 *
 * The order of starting is the order in which things are needed; stopping is the reverse.
 */
import { MemoryBudget } from "../cache/memory-budget.ts";
import { ObjectCache } from "../cache/object-cache.ts";
import type { CacheConfig } from "../config/cache-config.ts";
import { formatDialEndpoint } from "../config/endpoint.ts";
import { resolveAddresses } from "../config/network.ts";
import { readTlsFiles } from "../config/tls-files.ts";
import { CacheError } from "../errors.ts";
import { LruPolicy } from "../eviction/lru-policy.ts";
import { NoEviction } from "../eviction/no-eviction.ts";
import type { CallHandler } from "../grpc/call.ts";
import { GrpcServer } from "../grpc/server.ts";
import { logFor } from "../log.ts";
import { DiskStorage } from "../storage/disk/disk-storage.ts";
import { MemoryStorage } from "../storage/memory-storage.ts";
import { buildMethods } from "./flight-service.ts";
import { ServiceContext } from "./service-context.ts";

const log = logFor("server");

export interface RunningCache {
  /** What clients dial: `grpc://HOST:PORT`, or `grpc+tls://HOST:PORT` with TLS. */
  readonly endpoint: string;
  /** Calls under way may finish, then connections are closed. Safe to call more than once. */
  stop(): Promise<void>;
}

/**
 * Starts a cache server in this process.
 * @throws {CacheError} INVALID_CONFIG when the storage or an address cannot be had.
 */
export async function startServer(config: CacheConfig): Promise<RunningCache> {
  const addresses = resolveAddresses(config);
  const cache = openCache(config);
  await cache.start();
  // Methods need the endpoint, which needs the port, which is known only when the server listens.
  const methods = new Map<string, CallHandler>();
  const server = new GrpcServer({ methods, ...(config.tls && { tls: readTlsFiles(config.tls) }) });
  try {
    let { port } = config.endpoint;
    for (const { host } of addresses.listen) port = (await listen(server, host, port)).port;
    const endpoint = formatDialEndpoint({ ...config.endpoint, host: addresses.advertisedHost, port });
    for (const [path, handler] of buildMethods(new ServiceContext(cache, endpoint)))
      methods.set(path, handler);
    log.info("serving", { endpoint, storage: config.storage.kind });
    return new RunningServer(endpoint, server, cache);
  } catch (error) {
    await server.close();
    await cache.stop();
    throw error;
  }
}

class RunningServer implements RunningCache {
  readonly endpoint: string;
  readonly #server: GrpcServer;
  readonly #cache: ObjectCache;
  #stopped: Promise<void> | undefined;

  constructor(endpoint: string, server: GrpcServer, cache: ObjectCache) {
    this.endpoint = endpoint;
    this.#server = server;
    this.#cache = cache;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#server.close().then(() => this.#cache.stop());
    return this.#stopped;
  }
}

/** Files stay until they are deleted; what is in memory only has to stay within its bounds. */
function openCache({ storage, eviction }: CacheConfig): ObjectCache {
  if (storage.kind === "files") return new ObjectCache(new DiskStorage({ directory: storage.directory }));
  const { maxMemoryBytes: bytesMax, maxObjects: objectsMax } = eviction;
  const policy = eviction.policy === "lru" ? new LruPolicy() : new NoEviction();
  const budget = new MemoryBudget({ policy, bytesMax, objectsMax });
  return new ObjectCache(new MemoryStorage({ fileBytesMax: bytesMax }), budget);
}

async function listen(server: GrpcServer, host: string, port: number): Promise<{ port: number }> {
  try {
    return await server.listen(host, port);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const text = `cannot listen on ${host}, port ${port}: ${reason}`;
    throw new CacheError("INVALID_CONFIG", text, { cause, facts: { key: "endpoint", value: host } });
  }
}
