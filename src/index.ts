/**
 * The entry point of the package: a cache server inside a Node host.
 *
 * `startObjectCache` serves from this process's event loop. `startObjectCacheThread` serves from a
 * thread of its own, so that a busy host does not delay the cache. Both read the host's
 * `flame-cluster.yaml` and environment as the command does. Options take precedence over both. The
 * file takes precedence over the variables that clients share, because they may be set for a client
 * in the same process. The host's own log configuration stays as it is unless `log` is given.
 */

import { type LoadedCacheConfig, loadCacheConfig } from "./config/load-cache-config.ts";
import { loadLogDirectives } from "./config/log-directives.ts";
import { type LogDirective, logFor, startLog } from "./log.ts";
import { type ObjectCacheThread, startCacheThread } from "./service/cache-thread.ts";
import { type RunningCache, startServer } from "./service/start-server.ts";
import { threadEntry } from "./thread-entries.ts";

export type { CacheConfig } from "./config/cache-config.ts";
export { CacheError, type ErrorCode } from "./errors.ts";
export { decodeObjectRef, encodeObjectRef, type ObjectRef } from "./object/object-ref.ts";
export type { ObjectCacheThread } from "./service/cache-thread.ts";
export type { RunningCache } from "./service/start-server.ts";

export interface ObjectCacheOptions {
  /** Path of a `flame-cluster.yaml`. Default: the one in FLAME_HOME, if it exists. */
  readonly configFile?: string;
  /** `grpc://HOST:PORT` or `grpcs://HOST:PORT`; port 0 selects a free port. */
  readonly endpoint?: string;
  /** `none`, a path, `fs://PATH`, `file://PATH` or `s3://BUCKET/PREFIX`. */
  readonly storage?: string;
  /** With storage `s3`: directory for copies of large objects on this host. */
  readonly localCache?: string;
  /** Bound of these copies, such as `500G`. */
  readonly localCapacity?: string;
  /** The endpoint that clients dial, if it differs because of a port mapping or a service. */
  readonly advertise?: string;
  /** `HOST:PORT` of the admin listener, or `none`. */
  readonly admin?: string;
  /** `HOST:PORT` of a listener for the HTTP API alone, or `none`. */
  readonly http?: string;
  /** Path of the access file, which says who may do what. */
  readonly accessFile?: string;
  /** Regular expression that selects a network interface by name; its address is advertised. */
  readonly networkInterface?: string;
  /**
   * Directives as in RUST_LOG. Without it, `startObjectCache` leaves the log to the host, and
   * `startObjectCacheThread` reads RUST_LOG.
   */
  readonly log?: string;
}

/**
 * Starts the cache in this process and keeps the process alive until the cache is stopped.
 * @throws {CacheError} INVALID_CONFIG naming key, value and source.
 */
export async function startObjectCache(options: ObjectCacheOptions = {}): Promise<RunningCache> {
  if (options.log !== undefined) {
    startLog({ directives: directivesOf(options), format: "auto", stream: process.stderr });
  }
  const { config, sources } = load(options);
  // Fail at the start, not at the first scan, if a bundler left out the thread's entry file.
  if (config.storage.kind === "files") threadEntry("storage/disk/scan-thread-entry");
  return await startServer(config, sources);
}

/**
 * Starts the cache in a worker thread. The thread ends with the host and does not keep it alive.
 * @throws {CacheError} INVALID_CONFIG naming key, value and source.
 */
export async function startObjectCacheThread(options: ObjectCacheOptions = {}): Promise<ObjectCacheThread> {
  return await startCacheThread({ ...load(options), directives: directivesOf(options) });
}

function load(options: ObjectCacheOptions): Pick<LoadedCacheConfig, "config" | "sources"> {
  const loaded = loadCacheConfig({ flags: options, configFile: options.configFile, isEmbedded: true });
  const log = logFor("config");
  for (const { text, ...fields } of loaded.warnings) log.warn(text, fields);
  return { config: loaded.config, sources: loaded.sources };
}

function directivesOf(options: ObjectCacheOptions): readonly LogDirective[] {
  return loadLogDirectives({ flag: options.log }).directives;
}
