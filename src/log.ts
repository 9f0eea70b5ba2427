/**
 * The log as the rooms see it: `logFor("storage")` writes under the target `flame_cache::storage`.
 *
 * A line is a short constant text and fields; values never go into the text. Fields of a level that is off
 * cost nothing when the caller asks `isEnabled` first, which the paths of bytes do.
 * Nothing is written before `startLog`, or before a host that embeds the cache sets up LogTape itself.
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

/** From the lowest up. */
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

/** One part of RUST_LOG: what lies under `target`, or everything without one, is written from `level` up. */
export interface LogDirective {
  readonly target: string | undefined;
  readonly level: LogThreshold;
}

/** What a log writes to; standard error, or what a test looks into. */
export interface LogStream {
  readonly isTTY?: boolean;
  /** Terminals say whether they want colour (NO_COLOR, TERM and the like are read by Node). */
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

/** Starts writing, or starts anew with other options. Lines are written at once, none are held back. */
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

/** A line of a log that another thread writes. */
export interface ForwardedLine {
  readonly level: LogLevel;
  /** As for `logFor`. */
  readonly module: string;
  readonly text: string;
  /** What a message between threads can carry. */
  readonly fields: LogFields;
}

/** In a thread that writes no log of its own: hands on what is logged from `threshold` up. */
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

/** The lowest level that the log of a module writes. */
export function thresholdOf(log: Log): LogThreshold {
  return LEVELS.find((level) => log.isEnabled(level)) ?? "off";
}

/** A log that nobody reads any more is no reason to stop serving. */
function ignoreBrokenStream(): void {}

/** Libraries of other implementations whose names deployments set, and the target of ours that does their work. */
const ALIASES: ReadonlyMap<string, string> = new Map([["h2", `${LOG_ROOT}::grpc`]]);

/**
 * Our targets and their thresholds; "" is everything. The longest target that matches a log decides, an alias counting
 * as long as the target it stands for and yielding to that target's own name; of equal ones the last.
 */
function thresholdsByTarget(directives: readonly LogDirective[]): [string, LogThreshold][] {
  const thresholds = new Map<string, LogThreshold>([["", "info"]]);
  for (const { target, level } of directives) {
    const aliased = ALIASES.get(target ?? "");
    if (aliased !== undefined) thresholds.set(aliased, level);
  }
  // Longer prefixes of the root's name come later and so replace shorter ones: `flame=warn` reaches flame_cache.
  const byLength = directives.toSorted((a, b) => (a.target?.length ?? 0) - (b.target?.length ?? 0));
  for (const { target = "", level } of byLength) {
    if (target.startsWith(`${LOG_ROOT}::`) || target === "") thresholds.set(target, level);
    else if (LOG_ROOT.startsWith(target)) thresholds.set(LOG_ROOT, level);
  }
  return [...thresholds];
}
