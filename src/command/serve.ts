/**
 * `serve`: loads the configuration, starts the log and the server, and waits for a request to stop.
 *
 * The log starts first, so that it contains warnings about the configuration. The line "listening
 * on" appears when the server accepts calls; nothing else is ever printed on standard output.
 */
import { formatCacheConfig } from "../config/format-cache-config.ts";
import { loadCacheConfig } from "../config/load-cache-config.ts";
import { formatLogDirectives, loadLogDirectives } from "../config/log-directives.ts";
import { isDurable } from "../config/storage-location.ts";
import { LIMITS } from "../limits.ts";
import { isReached, type LogDirective, logFor, startLog } from "../log.ts";
import type { CommandContext } from "./command-context.ts";
import { compileEarly } from "./early-compilation.ts";
import type { ExitName } from "./exit-codes.ts";
import { collectGarbage, prepareMemory } from "./process-memory.ts";
import { formatWelcome, IN_MEMORY_NOTICE } from "./welcome.ts";

export interface ServeOptions {
  readonly config?: string;
  readonly endpoint?: string;
  readonly storage?: string;
  readonly localCache?: string;
  readonly localCapacity?: string;
  readonly networkInterface?: string;
  readonly advertise?: string;
  readonly replicaEndpoint?: string;
  readonly admin?: string;
  readonly http?: string;
  readonly accessFile?: string;
  readonly requireAuth?: boolean;
  readonly log?: string;
  readonly printConfig?: boolean;
  readonly welcome?: boolean;
}

const log = logFor("command");

/** @throws {CacheError} INVALID_CONFIG before anything is opened; errors of `startServer`. */
export async function serve(options: ServeOptions, context: CommandContext): Promise<ExitName> {
  const { stdout, stderr, env } = context;
  const logging = loadLogDirectives({ flag: options.log, ...(env && { env }) });
  startLog({ directives: logging.directives, format: "auto", stream: stderr });
  for (const directive of logging.ignored)
    log.debug("log directive ignored: the cache has no spans", { directive });
  // RUST_LOG may be set for several programs at once; `--log` is for this one only.
  if (logging.source === "--log") warnOfUnreached(logging.directives);
  const { requireAuth, ...texts } = options;
  const flags = { ...texts, ...(requireAuth === true && { requireAuth: "true" }) };
  const loaded = loadCacheConfig({ flags, configFile: options.config, ...(env && { env }) });
  for (const { text, ...fields } of loaded.warnings) log.warn(text, fields);
  if (options.printConfig === true) {
    stdout.write(formatCacheConfig(loaded));
    stdout.write(`# log directives: ${formatLogDirectives(logging.directives)} (${logging.source})\n`);
    return "ok";
  }
  log.debug("configuration", { ...loaded.config, sources: loaded.sources });
  prepareMemory();
  compileEarly();
  // Listen for signals before the start: a signal during the start stops the server right after it.
  const stopRequested = context.stopRequested();
  const server = await context.startServer(loaded.config, loaded.sources);
  // A closed terminal ends a server without a file to read again; the reload of a service never does.
  const { access, tls } = loaded.config;
  const hasFiles = access.file !== undefined || tls !== undefined;
  if (hasFiles || stderr.isTTY !== true) context.onHangup(() => void server.reload());
  stdout.write(`listening on ${server.listening}\n`);
  if (options.welcome === true) stderr.write(formatWelcome(loaded.config, server));
  else if (stderr.isTTY === true && !isDurable(loaded.config.storage)) stderr.write(`${IN_MEMORY_NOTICE}\n`);
  const { storage, eviction } = loaded.config;
  const manifestBytes = storage.kind === "s3" ? LIMITS.manifestCacheBytesMax : 0;
  const stopCollecting = collectGarbage(eviction.maxMemoryBytes + manifestBytes);
  log.info("stopping", { reason: await stopRequested });
  stopCollecting();
  await server.stop();
  log.info("stopped");
  return "ok";
}

function warnOfUnreached(directives: readonly LogDirective[]): void {
  for (const { target } of directives) {
    if (target === undefined || isReached(target)) continue;
    log.warn("log directive without effect: it is no level, and targets begin with flame_cache", { target });
  }
}
