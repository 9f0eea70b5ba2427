/**
 * `serve`: configuration, log, server, one line on standard output, and then until somebody asks to stop.
 *
 * The log comes first, so that warnings about the configuration are in it; the listening line comes when calls
 * are accepted, and nothing else is ever printed on standard output.
 */
import { formatCacheConfig } from "../config/format-cache-config.ts";
import { loadCacheConfig } from "../config/load-cache-config.ts";
import { formatLogDirectives, loadLogDirectives } from "../config/log-directives.ts";
import { logFor, startLog } from "../log.ts";
import type { CommandContext } from "./command-context.ts";
import type { ExitName } from "./exit-codes.ts";
import { collectGarbage, prepareMemory } from "./process-memory.ts";
import { formatWelcome, IN_MEMORY } from "./welcome.ts";

export interface ServeOptions {
  readonly config?: string;
  readonly endpoint?: string;
  readonly storage?: string;
  readonly networkInterface?: string;
  readonly advertise?: string;
  readonly log?: string;
  readonly printConfig?: boolean;
  readonly welcome?: boolean;
}

const log = logFor("command");

/** @throws {CacheError} INVALID_CONFIG before anything is opened; what `startServer` throws. */
export async function serve(options: ServeOptions, context: CommandContext): Promise<ExitName> {
  const { stdout, stderr, env } = context;
  const logging = loadLogDirectives({ flag: options.log, ...(env && { env }) });
  startLog({ directives: logging.directives, format: "auto", stream: stderr });
  for (const directive of logging.ignored)
    log.debug("log directive ignored: there are no spans", { directive });
  const loaded = loadCacheConfig({ flags: options, configFile: options.config, ...(env && { env }) });
  for (const { text, ...fields } of loaded.warnings) log.warn(text, fields);
  if (options.printConfig === true) {
    stdout.write(formatCacheConfig(loaded));
    stdout.write(`# log directives: ${formatLogDirectives(logging.directives)} (${logging.source})\n`);
    return "ok";
  }
  log.debug("configuration", { ...loaded.config, sources: loaded.sources });
  prepareMemory();
  // Asked for before the start: a signal that comes during it stops the server right after.
  const stopRequested = context.stopRequested();
  const server = await context.startServer(loaded.config);
  stdout.write(`listening on ${server.listening}\n`);
  if (options.welcome === true) stderr.write(formatWelcome(loaded.config, server.listening));
  else if (stderr.isTTY === true && loaded.config.storage.kind === "none") stderr.write(`${IN_MEMORY}\n`);
  const stopCollecting = collectGarbage(loaded.config.eviction.maxMemoryBytes);
  log.info("stopping", { reason: await stopRequested });
  stopCollecting();
  await server.stop();
  log.info("stopped");
  return "ok";
}
