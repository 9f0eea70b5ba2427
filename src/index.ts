/**
 * The door of the package: a cache server inside a Node host.
 *
 * `startObjectCache` serves from this process's event loop; `startObjectCacheThread` from a thread of its own, so that
 * a busy host does not hold up its workers. Both read the host's `flame-cluster.yaml` and environment as the command
 * does; options go before both, and the file before variables that are there for clients. The host's own log set-up is left alone unless `log` is given.
 */

import type { CacheConfig } from "./config/cache-config.ts";
import { loadCacheConfig } from "./config/load-cache-config.ts";
import { loadLogDirectives } from "./config/log-directives.ts";
import { type LogDirective, logFor, startLog } from "./log.ts";
import { type ObjectCacheThread, startCacheThread } from "./server/cache-thread.ts";
import { type RunningCache, startServer } from "./server/start-server.ts";
import { threadEntry } from "./thread-entries.ts";

export type { CacheConfig } from "./config/cache-config.ts";
export { CacheError, type ErrorCode } from "./errors.ts";
export { decodeObjectRef, encodeObjectRef, type ObjectRef } from "./object/object-ref.ts";
export type { ObjectCacheThread } from "./server/cache-thread.ts";
export type { RunningCache } from "./server/start-server.ts";

export interface ObjectCacheOptions {
  /** A `flame-cluster.yaml`; by default the one in FLAME_HOME, when it is there. */
  readonly configFile?: string;
  /** `grpc://HOST:PORT` or `grpcs://HOST:PORT`; port 0 takes a free one. */
  readonly endpoint?: string;
  /** `none`, a path, `fs://PATH` or `file://PATH`. */
  readonly storage?: string;
  /** What clients dial instead: `grpc://HOST:PORT` or `grpcs://HOST:PORT`, behind a port mapping or a service. */
  readonly advertise?: string;
  /** Regular expression over interface names. */
  readonly networkInterface?: string;
  /** Directives as in RUST_LOG. In this process: absent leaves the log to the host. In a thread: absent means RUST_LOG. */
  readonly log?: string;
}

/**
 * Starts the cache in this process. It keeps the process alive until it is stopped.
 * @throws {CacheError} INVALID_CONFIG naming key, value and source.
 */
export async function startObjectCache(options: ObjectCacheOptions = {}): Promise<RunningCache> {
  if (options.log !== undefined) {
    startLog({ directives: directivesOf(options), format: "auto", stream: process.stderr });
  }
  const config = configOf(options);
  // A bundle that has left its threads behind is told now, not by the first scan.
  if (config.storage.kind === "files") threadEntry("storage/disk/scan-thread-entry");
  return await startServer(config);
}

/**
 * Starts the cache in a worker thread. The thread ends with the host and does not keep it alive.
 * @throws {CacheError} INVALID_CONFIG naming key, value and source.
 */
export async function startObjectCacheThread(options: ObjectCacheOptions = {}): Promise<ObjectCacheThread> {
  return await startCacheThread({ config: configOf(options), directives: directivesOf(options) });
}

function configOf(options: ObjectCacheOptions): CacheConfig {
  const loaded = loadCacheConfig({ flags: options, configFile: options.configFile, isEmbedded: true });
  const log = logFor("config");
  for (const { text, ...fields } of loaded.warnings) log.warn(text, fields);
  return loaded.config;
}

function directivesOf(options: ObjectCacheOptions): readonly LogDirective[] {
  return loadLogDirectives({ flag: options.log }).directives;
}
