/**
 * The log of each module: `logFor("storage")` writes under the target `flame_cache::storage`.
 *
 * A line is a short constant text and fields; values never go into the text. On hot paths the
 * caller checks `isEnabled` first, so that fields of a disabled level cost nothing. Nothing is
 * written before `startLog`, or before a host that embeds the cache configures LogTape itself.
 */
import {
  configureSync,
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
const LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error"];

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
  configureSync({
    reset: true,
    sinks: { stream: (record: LogRecord) => stream.write(formatLine(record)) },
    loggers: [
      ...thresholdsByTarget(directives).map(([target, threshold]) => ({
        category: target === "" ? [] : target.split("::"),
        sinks: ["stream" as const],
        parentSinks: "override" as const,
        lowestLevel: threshold === "off" ? null : LIBRARY_LEVELS[threshold],
      })),
      { category: ["logtape", "meta"], sinks: ["stream"], parentSinks: "override", lowestLevel: "error" },
    ],
  });
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
  const sink = ({ level, category, rawMessage, properties }: LogRecord): void => {
    const ours = LEVELS.find((name) => LIBRARY_LEVELS[name] === level) ?? "error";
    forward({
      level: ours,
      module: category.slice(1).join("::"),
      text: String(rawMessage),
      fields: properties,
    });
  };
  configureSync({
    reset: true,
    sinks: { forward: sink },
    loggers: [
      {
        category: [LOG_ROOT],
        sinks: ["forward"],
        lowestLevel: threshold === "off" ? null : LIBRARY_LEVELS[threshold],
      },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "error" },
    ],
  });
}

/** The lowest level that a log writes. */
export function thresholdOf(log: Log): LogThreshold {
  return LEVELS.find((level) => log.isEnabled(level)) ?? "off";
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
