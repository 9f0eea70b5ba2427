/**
 * Builds and connects the server: storage, cache, Flight service and gRPC. No other file does this.
 *
 * Each part starts after the parts that it needs. They stop in the reverse order.
 */
import { setMaxListeners } from "node:events";
import { ObjectCache } from "../cache/object-cache.ts";
import { StorageBudget } from "../cache/storage-budget.ts";
import type { CacheConfig } from "../config/cache-config.ts";
import { formatDialEndpoint } from "../config/endpoint.ts";
import { resolveAddresses } from "../config/network.ts";
import { readTlsFiles } from "../config/tls-files.ts";
import { assert, CacheError } from "../errors.ts";
import { openPolicy } from "../eviction/open-policy.ts";
import type { CallHandler, MethodTable } from "../grpc/call.ts";
import { GrpcServer } from "../grpc/server.ts";
import type { OpenTransport } from "../grpc/server-transport.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import { canSharePort } from "../relay/share-port.ts";
import { ThreadedTransport } from "../relay/threaded-transport.ts";
import { errnoOf } from "../storage/disk/disk-failure.ts";
import { DiskStorage } from "../storage/disk/disk-storage.ts";
import { describeOwner, ownerOfPort } from "../storage/disk/socket-owner.ts";
import { MemoryStorage } from "../storage/memory-storage.ts";
import type { ObjectStorage } from "../storage/object-storage.ts";
import { TieredStorage } from "../storage/tier/tiered-storage.ts";
import { buildMethods } from "./flight/flight-service.ts";
import { ServiceContext } from "./service-context.ts";

const log = logFor("server");

const VOLATILE = "objects are kept in memory: nothing survives a stop";

/** Both `grpc://HOST:PORT`, or `grpc+tls://HOST:PORT` with TLS. */
export interface Endpoints {
  /** The advertised endpoint, which clients dial and references contain. */
  readonly endpoint: string;
  /** The endpoint on which it listens; the same unless another one is advertised. */
  readonly listening: string;
}

export interface RunningCache extends Endpoints {
  /** Lets running calls finish, then closes connections. May be called more than once. */
  stop(): Promise<void>;
}

/**
 * Starts a cache server in this process.
 * @throws {CacheError} INVALID_CONFIG if the storage or an address cannot be used.
 */
export async function startServer(config: CacheConfig): Promise<RunningCache> {
  const addresses = resolveAddresses(config);
  const methods = new Map<string, CallHandler>();
  const threads = servingThreads(config);
  const server = openServer(methods, config, threads);
  const cache = openCache(config);
  await cache.start();
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  // Methods need the endpoint, and its port is known only after the first address listens.
  const serveAt = (port: number): Endpoints => {
    const listening = formatDialEndpoint({ ...config.endpoint, host: addresses.advertisedHost, port });
    const endpoint = config.advertise === undefined ? listening : formatDialEndpoint(config.advertise);
    const facts = { cache, endpoint, stopping: stopping.signal };
    const { durability, validateTables: validation } = config;
    const context = new ServiceContext({ ...facts, durability, validation });
    for (const [path, handler] of buildMethods(context)) methods.set(path, handler);
    return { endpoint, listening };
  };
  try {
    const [first, ...others] = addresses.listen;
    assert(first !== undefined, "a server has an address");
    const { port } = await listen(server, first.host, first.port);
    const endpoints = serveAt(port);
    for (const { host } of others) await listen(server, host, port);
    log.info("serving", { ...endpoints, storage: config.storage.kind, threads });
    if (cache.isVolatile) log.info(VOLATILE);
    return new RunningServer(endpoints, { server, cache, stopping });
  } catch (error) {
    await server.close();
    await cache.stop();
    throw error;
  }
}

class RunningServer implements RunningCache {
  readonly endpoint: string;
  readonly listening: string;
  readonly #parts: ServerParts;
  #stopped: Promise<void> | undefined;

  constructor({ endpoint, listening }: Endpoints, parts: ServerParts) {
    this.endpoint = endpoint;
    this.listening = listening;
    this.#parts = parts;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { server, cache, stopping } = this.#parts;
    stopping.abort();
    await server.close();
    await cache.stop();
  }
}

interface ServerParts {
  readonly server: GrpcServer;
  readonly cache: ObjectCache;
  readonly stopping: AbortController;
}

/** The configured number of threads; one if this system cannot share a port among several. */
function servingThreads({ threads }: CacheConfig): number {
  if (threads === 1 || canSharePort()) return threads;
  const facts = { threads, platform: process.platform, node: process.versions.node };
  log.warn("one thread serves all connections: several need Linux and Node 22.12 or later", facts);
  return 1;
}

/**
 * Builds the server without listening.
 * @throws {CacheError} INVALID_CONFIG for unusable TLS files.
 */
function openServer(methods: MethodTable, { tls, limits }: CacheConfig, threads: number): GrpcServer {
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

/** A budget bounds objects in memory always, and files if a capacity is set. */
function openCache({ storage, capacityBytes, eviction, durability, verifyReads }: CacheConfig): ObjectCache {
  const policy = openPolicy(eviction.policy);
  const evicting = { policy, evicts: eviction.policy !== "none" };
  if (storage.kind === "files") {
    const budget =
      capacityBytes === undefined ? undefined : new StorageBudget({ ...evicting, bytesMax: capacityBytes });
    const files = openFiles(storage.directory, eviction);
    return new ObjectCache(files, { budget, verifiesReads: verifyReads === "always" });
  }
  if (durability === "power-loss") {
    const facts = { key: "cache.durability", value: durability };
    throw new CacheError("INVALID_CONFIG", "objects of storage none cannot survive a power loss", { facts });
  }
  const memory = new MemoryStorage({ bytesMax: eviction.maxMemoryBytes });
  const bounds = { bytesMax: memory.objectBytesMax, objectsMax: eviction.maxObjects };
  const fileOverheadBytes = LIMITS.memoryFileOverheadBytes;
  const budget = new StorageBudget({ ...evicting, ...bounds, fileOverheadBytes });
  return new ObjectCache(memory, { budget });
}

/**
 * The memory tier always has a policy, even with policy `none`: its evictions lose no object.
 * Without memory there is no tier.
 */
function openFiles(directory: string, { policy, maxMemoryBytes }: CacheConfig["eviction"]): ObjectStorage {
  const disk = new DiskStorage({ directory });
  if (maxMemoryBytes === 0) return disk;
  const tierPolicy = openPolicy(policy === "none" ? "adaptive" : policy);
  return new TieredStorage({ disk, policy: tierPolicy, bytesMax: maxMemoryBytes });
}

async function listen(server: GrpcServer, host: string, port: number): Promise<{ port: number }> {
  try {
    return await server.listen(host, port);
  } catch (cause) {
    const text = `cannot listen on ${host}, port ${port}: ${listenFailure(cause, port)}`;
    throw new CacheError("INVALID_CONFIG", text, { cause, facts: { key: "endpoint", value: host, port } });
  }
}

function listenFailure(cause: unknown, port: number): string {
  switch (errnoOf(cause)) {
    case "EADDRINUSE":
      return `${describeOwner(ownerOfPort(port))} listens there; stop it, or name another port with --endpoint (port 0 takes a free one)`;
    case "EADDRNOTAVAIL":
      return "no network interface of this host has that address; --endpoint names another, 0.0.0.0 is all of them";
    case "EACCES":
      return "this user has no permission for that port; choose another with --endpoint";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the host name has no address; --endpoint names another host, such as 127.0.0.1 or 0.0.0.0";
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}
