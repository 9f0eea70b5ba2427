/**
 * Builds and connects the server: storage, cache, access, Flight service, gRPC and HTTP. No other
 * file does this.
 *
 * Each part starts after the parts that it needs. They stop in the reverse order.
 */
import { setMaxListeners } from "node:events";
import type { AccessControl } from "../access/access-control.ts";
import { Quotas } from "../access/quotas.ts";
import type { ObjectCache } from "../cache/object-cache.ts";
import type { CacheConfig } from "../config/cache-config.ts";
import { formatDialEndpoint } from "../config/endpoint.ts";
import { effectiveSettings } from "../config/format-cache-config.ts";
import type { LoadedCacheConfig } from "../config/load-cache-config.ts";
import { type ResolvedAddresses, resolveAddresses } from "../config/network.ts";
import { assert } from "../errors.ts";
import type { CallHandler } from "../grpc/call.ts";
import type { GrpcServer } from "../grpc/server.ts";
import { logFor } from "../log.ts";
import { ServerStats } from "./admin/server-stats.ts";
import { buildMethods } from "./flight/flight-service.ts";
import { HttpListeners } from "./http-listeners.ts";
import { openAccess, warnIfOpen } from "./open-access.ts";
import { openCache } from "./open-cache.ts";
import { listen, openFlightServer, servingThreads } from "./open-flight-server.ts";
import { ServerCertificate } from "./server-certificate.ts";
import { ServiceContext } from "./service-context.ts";
import { Tracing } from "./tracing.ts";

const log = logFor("server");

const VOLATILE = "objects are kept in memory: nothing survives a stop";

/** Both `grpc://HOST:PORT`, or `grpc+tls://HOST:PORT` with TLS. */
export interface Endpoints {
  /** The advertised endpoint, which clients dial and references contain. */
  readonly endpoint: string;
  /** The endpoint on which it listens; the same unless another one is advertised. */
  readonly listening: string;
  /** The URL of the admin listener, without a path; undefined: there is none. */
  readonly admin: string | undefined;
}

export interface RunningCache extends Endpoints {
  /**
   * Reads the access file, the certificate and the client authorities again, which also happens by
   * itself when they change. If a file cannot be used, this is logged and the server keeps what it
   * has.
   */
  reload(): Promise<void>;
  /** Lets running calls finish, then closes connections. May be called more than once. */
  stop(): Promise<void>;
}

/** The parts of a server, in the order in which they start. */
interface ServerParts {
  readonly addresses: ResolvedAddresses;
  readonly threads: number;
  readonly cache: ObjectCache;
  readonly access: AccessControl;
  /** Undefined if no address uses TLS. */
  readonly certificate: ServerCertificate | undefined;
  readonly server: GrpcServer;
  readonly stats: ServerStats;
  /** Filled when the endpoint is known, after the first address listens. */
  readonly methods: Map<string, CallHandler>;
  readonly stopping: AbortController;
  /** Undefined until the Flight endpoint listens. */
  listeners: HttpListeners | undefined;
}

/**
 * Starts a cache server in this process.
 * @param sources where each setting comes from, for readers of the configuration
 * @throws {CacheError} INVALID_CONFIG if the storage or an address cannot be used.
 */
export async function startServer(
  config: CacheConfig,
  sources?: LoadedCacheConfig["sources"],
): Promise<RunningCache> {
  const parts = openParts(config);
  warnIfOpen(config, parts.addresses);
  await parts.cache.start();
  parts.stats.start();
  setMaxListeners(0, parts.stopping.signal);
  try {
    const endpoints = await listenOnAll(config, parts, sources);
    const { kind: storage } = config.storage;
    log.info("serving", { ...endpoints, storage, threads: parts.threads });
    if (!parts.cache.capabilities.isDurable) log.info(VOLATILE);
    return new RunningServer(endpoints, parts);
  } catch (error) {
    await stopParts(parts);
    throw error;
  }
}

function openParts(config: CacheConfig): ServerParts {
  const addresses = resolveAddresses(config);
  const threads = servingThreads(config);
  const methods = new Map<string, CallHandler>();
  const certificate = config.tls && new ServerCertificate(config.tls);
  const server = openFlightServer({ config, methods, threads, tls: certificate?.current });
  const cache = openCache(config);
  const access = openAccess(config);
  const stopping = new AbortController();
  const stats = new ServerStats({ cache, server });
  const parts = {
    addresses,
    threads,
    cache,
    access,
    certificate,
    server,
    stats,
    methods,
    stopping,
  };
  return { ...parts, listeners: undefined };
}

async function listenOnAll(
  config: CacheConfig,
  parts: ServerParts,
  sources: LoadedCacheConfig["sources"] | undefined,
): Promise<Endpoints> {
  const { cache, access, certificate, server, stats, methods, stopping } = parts;
  const { replicas } = cache;
  const { advertisedHost, listen: listened } = parts.addresses;
  const [first, ...others] = listened;
  assert(first !== undefined, "a server has an address");
  const tracing = await Tracing.load();
  const { port } = await listen(server, first.host, first.port);
  const listening = formatDialEndpoint({ ...config.endpoint, host: advertisedHost, port });
  const endpoint = config.advertise === undefined ? listening : formatDialEndpoint(config.advertise);
  replicas?.join(replicaEndpoint(config, listening));
  const { durability, validateTables: validation } = config;
  const { idleCallMs } = config.limits;
  const quotas = new Quotas(cache.usage);
  access.followQuotas?.((table) => quotas.setTable(table));
  const facts = {
    cache,
    quotas,
    stats,
    tracing,
    settings: effectiveSettings(config, sources),
    endpoint,
    replicas: replicas && (() => replicas.alive),
    stopping: stopping.signal,
    durability,
    validation,
    idleCallMs,
  };
  const context = ServiceContext.open(facts);
  for (const [path, handler] of buildMethods(context, access)) methods.set(path, handler);
  for (const { host } of others) await listen(server, host, port);
  parts.listeners = new HttpListeners({ config, context, access, tls: certificate?.current });
  await parts.listeners.start();
  certificate?.watch([server, parts.listeners]);
  return { endpoint, listening, admin: parts.listeners.admin };
}

/** Undefined: clients are not sent to this server. */
function replicaEndpoint({ replicaEndpoint: own }: CacheConfig, listening: string): string | undefined {
  if (own === null) return undefined;
  return own === undefined ? listening : formatDialEndpoint(own);
}

class RunningServer implements RunningCache {
  readonly endpoint: string;
  readonly listening: string;
  readonly admin: string | undefined;
  readonly #parts: ServerParts;
  #stopped: Promise<void> | undefined;

  constructor({ endpoint, listening, admin }: Endpoints, parts: ServerParts) {
    this.endpoint = endpoint;
    this.listening = listening;
    this.admin = admin;
    this.#parts = parts;
  }

  async reload(): Promise<void> {
    this.#parts.access.reload?.();
    await this.#parts.certificate?.reload();
  }

  stop(): Promise<void> {
    this.#stopped ??= stopParts(this.#parts);
    return this.#stopped;
  }
}

async function stopParts(parts: ServerParts): Promise<void> {
  const { access, cache, certificate, server, stats, stopping, listeners } = parts;
  stopping.abort();
  access.close?.();
  certificate?.stop();
  // Clients are sent elsewhere while running calls end.
  await Promise.all([cache.replicas?.leave(), server.close(), listeners?.close()]);
  await cache.stop();
  stats.stop();
}
