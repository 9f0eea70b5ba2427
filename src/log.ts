/**
 * The log of each module: `logFor("storage")` writes under the target `flame_cache::storage`.
 *
 * A line is a short constant text and fields; values never go into the text. On hot paths the
 * caller checks `isEnabled` first, so that fields of a disabled level cost nothing. Nothing is
 * written before `startLog`, or before a host that embeds the cache configures LogTape itself.
 */
import {
  type Config,
  configureSync,
  getConfig,
  getLogger,
  type LogLevel as LibraryLevel,
  type Logger,
  type LogRecord,
} from "@logtape/logtape";
import { formatJsonLine, textLineFormatter } from "./log-format.ts";

export type LogLevel = "error" | "warn" | "info" | "debug" | "trace";
export type LogThreshold = LogLevel | "off";
export type LogFields = Readonly<Record<string, unknown>>;

/** The root of all targets of the cache. */
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

/** From the least severe to the most severe. */
export const LOG_LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error"];

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

/** The log of one module, such as `storage` or `storage::sweep`. */
export function logFor(module: string): Log {
  return new TargetLog(getLogger([LOG_ROOT, ...module.split("::")]));
}

/**
 * One directive of RUST_LOG: the minimum level for `target` and the targets below it, or for all
 * targets.
 */
export interface LogDirective {
  readonly target: string | undefined;
  readonly level: LogThreshold;
}

/** The output of a log: standard error, or a buffer in a test. */
export interface LogStream {
  readonly isTTY?: boolean;
  /** Whether the terminal supports colours. Node reads NO_COLOR, TERM and similar variables. */
  hasColors?(): boolean;
  write(line: string): unknown;
  on?(event: "error", listener: () => void): unknown;
  off?(event: "error", listener: () => void): unknown;
}

export interface LogOptions {
  readonly directives: readonly LogDirective[];
  /** `auto`: text on a terminal, JSON lines otherwise. */
  readonly format: "auto" | "json" | "text";
  readonly stream: LogStream;
}

/** What is configured now; undefined before `startLog`, and if a host configures LogTape itself. */
let configured: LogSetup | undefined;
/** The configuration that was made of it. */
let applied: Config<string, string> | undefined;

interface LogSetup {
  /** The targets and their thresholds; "" means all targets. */
  readonly thresholds: readonly (readonly [target: string, threshold: LogThreshold])[];
  readonly take: (record: LogRecord) => void;
}

/**
 * Configures the log, also again with other options. Each line is written at once, without a
 * buffer.
 */
export function startLog({ directives, format, stream }: LogOptions): void {
  const isText = format === "text" || (format === "auto" && stream.isTTY === true);
  const isColoured = stream.isTTY === true && stream.hasColors?.() !== false;
  const formatLine = isText ? textLineFormatter({ isColoured }) : formatJsonLine;
  stream.off?.("error", ignoreBrokenStream);
  stream.on?.("error", ignoreBrokenStream);
  const take = (record: LogRecord): void => void stream.write(formatLine(record));
  configureLog({ thresholds: thresholdsByTarget(directives), take });
}

/** Receives the records of our logs from its level on. */
export interface LogWatcher {
  readonly level: LogLevel;
  take(record: LogRecord): void;
}

const watchers = new Set<LogWatcher>();

/**
 * Adds a watcher, which may want more than the log writes.
 * @returns a function that removes it; undefined if a host configures the log.
 */
export function watchLog(watcher: LogWatcher): (() => void) | undefined {
  const setup = configured;
  if (setup === undefined || !isOurs()) return undefined;
  watchers.add(watcher);
  configureLog(setup);
  return () => {
    if (watchers.delete(watcher) && configured !== undefined && isOurs()) configureLog(configured);
  };
}

/** False if a host has configured LogTape since. */
function isOurs(): boolean {
  return applied !== undefined && getConfig() === applied;
}

/** Watchers lower the level of the loggers; the sink of the log then filters by its own threshold. */
function configureLog(setup: LogSetup): void {
  configured = setup;
  const watched = [...watchers].map(({ level }) => LOG_LEVELS.indexOf(level));
  const sinkOf = (threshold: LogThreshold) => `from ${threshold}`;
  const sinks = Object.fromEntries(
    [...LOG_LEVELS, "off" as const].map((threshold) => [sinkOf(threshold), takeFrom(threshold, setup.take)]),
  );
  const config: Config<string, string> = {
    reset: true,
    sinks: { ...sinks, watch: tellWatchers },
    loggers: [
      ...setup.thresholds.map(([target, threshold]) => ({
        category: target === "" ? [] : target.split("::"),
        sinks: [sinkOf(threshold), "watch"],
        parentSinks: "override" as const,
        lowestLevel: lowestLevel([...watched, rankOf(threshold)]),
      })),
      {
        category: ["logtape", "meta"],
        sinks: [sinkOf("trace")],
        parentSinks: "override",
        lowestLevel: "error",
      },
    ],
  };
  configureSync(config);
  applied = config;
}

/** Beyond the levels for `off`. */
function rankOf(threshold: LogThreshold): number {
  return threshold === "off" ? LOG_LEVELS.length : LOG_LEVELS.indexOf(threshold);
}

function lowestLevel(ranks: readonly number[]): LibraryLevel | null {
  const level = LOG_LEVELS[Math.min(...ranks)];
  return level === undefined ? null : LIBRARY_LEVELS[level];
}

function takeFrom(threshold: LogThreshold, take: (record: LogRecord) => void) {
  const rank = rankOf(threshold);
  return (record: LogRecord): void => {
    if (LOG_LEVELS.indexOf(levelOf(record)) >= rank) take(record);
  };
}

function tellWatchers(record: LogRecord): void {
  if (record.category[0] !== LOG_ROOT) return;
  const rank = LOG_LEVELS.indexOf(levelOf(record));
  for (const watcher of watchers) if (rank >= LOG_LEVELS.indexOf(watcher.level)) watcher.take(record);
}

function levelOf({ level }: LogRecord): LogLevel {
  return LOG_LEVELS.find((name) => LIBRARY_LEVELS[name] === level) ?? "error";
}

/** A log line that a thread forwards to the thread that writes the log. */
export interface ForwardedLine {
  readonly level: LogLevel;
  /** The argument of `logFor`. */
  readonly module: string;
  readonly text: string;
  /** Values that `postMessage` can copy. */
  readonly fields: LogFields;
}

/**
 * Forwards lines of level `threshold` and above, in a thread that does not write the log itself.
 */
export function forwardLog(threshold: LogThreshold, forward: (line: ForwardedLine) => void): void {
  const take = (record: LogRecord): void =>
    forward({
      level: levelOf(record),
      module: record.category.slice(1).join("::"),
      text: String(record.rawMessage),
      fields: record.properties,
    });
  configureLog({ thresholds: [[LOG_ROOT, threshold]], take });
}

/** The lowest level that a log writes. */
export function thresholdOf(log: Log): LogThreshold {
  return LOG_LEVELS.find((level) => log.isEnabled(level)) ?? "off";
}

/** Whether a directive for this target has an effect on any of our logs. */
export function isReached(target: string): boolean {
  return target.startsWith(`${LOG_ROOT}::`) || LOG_ROOT.startsWith(target) || ALIASES.has(target);
}

/** The server keeps running if the reader of its log closes the pipe. */
function ignoreBrokenStream(): void {}

/** Library names that deployments of other implementations set, and the equivalent target here. */
const ALIASES: ReadonlyMap<string, string> = new Map([["h2", `${LOG_ROOT}::grpc`]]);

/**
 * The targets and their thresholds; "" means all targets. The longest target that matches a log
 * applies; among equal targets, the last one. An alias counts as the target it stands for, and a
 * directive with that target's own name overrides it.
 */
function thresholdsByTarget(directives: readonly LogDirective[]): [string, LogThreshold][] {
  const thresholds = new Map<string, LogThreshold>([["", "info"]]);
  for (const { target, level } of directives) {
    const aliased = ALIASES.get(target ?? "");
    if (aliased !== undefined) thresholds.set(aliased, level);
  }
  // A prefix of the root's name means the root, as `flame=warn`. Longer prefixes come later and
  // win.
  const byLength = directives.toSorted((a, b) => (a.target?.length ?? 0) - (b.target?.length ?? 0));
  for (const { target = "", level } of byLength) {
    if (target.startsWith(`${LOG_ROOT}::`) || target === "") thresholds.set(target, level);
    else if (LOG_ROOT.startsWith(target)) thresholds.set(LOG_ROOT, level);
  }
  return [...thresholds];
}
