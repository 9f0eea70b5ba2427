/**
 * The log as the rooms see it: `logFor("storage")` writes under the target `flame_cache::storage`.
 *
 * A line is a short constant text and fields; values never go into the text. Fields of a level that is off
 * cost nothing when the caller asks `isEnabled` first, which the paths of bytes do.
 * Sinks, formats and directives are set up by `startLog`.
 */
import { getLogger, type LogLevel as LibraryLevel, type Logger } from "@logtape/logtape";

export type LogLevel = "error" | "warn" | "info" | "debug" | "trace";
export type LogFields = Readonly<Record<string, unknown>>;

/** The root of all our targets. */
export const LOG_ROOT = "flame_cache";

export interface Log {
  error(text: string, fields?: LogFields): void;
  warn(text: string, fields?: LogFields): void;
  info(text: string, fields?: LogFields): void;
  debug(text: string, fields?: LogFields): void;
  trace(text: string, fields?: LogFields): void;
  isEnabled(level: LogLevel): boolean;
}

const LIBRARY_LEVELS: Readonly<Record<LogLevel, LibraryLevel>> = {
  error: "error",
  warn: "warning",
  info: "info",
  debug: "debug",
  trace: "trace",
};

class TargetLog implements Log {
  readonly #logger: Logger;
  constructor(logger: Logger) {
    this.#logger = logger;
  }
  error(text: string, fields?: LogFields): void {
    this.#logger.error(text, fields ?? {});
  }
  warn(text: string, fields?: LogFields): void {
    this.#logger.warn(text, fields ?? {});
  }
  info(text: string, fields?: LogFields): void {
    this.#logger.info(text, fields ?? {});
  }
  debug(text: string, fields?: LogFields): void {
    this.#logger.debug(text, fields ?? {});
  }
  trace(text: string, fields?: LogFields): void {
    this.#logger.trace(text, fields ?? {});
  }
  isEnabled(level: LogLevel): boolean {
    return this.#logger.isEnabledFor(LIBRARY_LEVELS[level]);
  }
}

/** The log of one module, such as `storage` or `grpc`. */
export function logFor(module: string): Log {
  return new TargetLog(getLogger([LOG_ROOT, module]));
}
