/**
 * Parses RUST_LOG and `--log`: a list of directives in the grammar of Rust's env-filter.
 *
 *     LEVEL                     for all targets; also 0 (off) to 5 (trace)
 *     TARGET=LEVEL              for a target; TARGET and TARGET= mean trace
 *     TARGET[SPAN{FIELD=VALUE}]=LEVEL   every part but one is optional
 *
 * The cache has no spans: a directive with a span is ignored, and the caller logs it at debug. The
 * log decides which targets a directive matches. Source: tracing-subscriber, EnvFilter,
 * "Directives".
 */
import { CacheError } from "../errors.ts";
import type { LogDirective, LogThreshold } from "../log.ts";
import { type Environment, readVariable } from "./flame-home.ts";

/** The index of a level is its number in a directive. */
const THRESHOLDS: readonly LogThreshold[] = ["off", "error", "warn", "info", "debug", "trace"];
/** The level of a target that is written without one. */
const DEFAULT_LEVEL: LogThreshold = "trace";
/** Target, span, then `=` and the level. The fields of a span may contain anything but `]`. */
const DIRECTIVE = /^([^[\]{}=]*)(\[[^\]]*\])?(?:=([^=]*))?$/;
/** One directive between commas. A comma in brackets does not separate directives. */
const PART = /(?:\[[^\]]*\]|[^,])+/g;

export const LOG_VARIABLE = "RUST_LOG";

export interface ParsedLogDirectives {
  readonly directives: LogDirective[];
  /** Directives without a meaning in the cache, as written. */
  readonly ignored: string[];
}

/** The flag, else RUST_LOG, else none, which means `info`. @throws {CacheError} INVALID_CONFIG */
export function loadLogDirectives(options: {
  readonly flag?: string | undefined;
  readonly env?: Environment;
}): ParsedLogDirectives & { source: string } {
  if (options.flag !== undefined) {
    return { ...parseLogDirectives(options.flag, "--log"), source: "--log" };
  }
  const text = readVariable(options.env ?? process.env, LOG_VARIABLE);
  if (text === undefined) return { directives: [], ignored: [], source: "default" };
  return { ...parseLogDirectives(text, LOG_VARIABLE), source: LOG_VARIABLE };
}

/**
 * Parses a list of directives; empty ones are skipped.
 * @param source appears in the error.
 * @throws {CacheError} INVALID_CONFIG with the malformed directive.
 */
export function parseLogDirectives(text: string, source: string): ParsedLogDirectives {
  const directives: LogDirective[] = [];
  const ignored: string[] = [];
  const parts = (text.match(PART) ?? []).map((part) => part.trim());
  for (const part of parts.filter((each) => each !== "")) {
    const directive = parseDirective(part, source);
    if (directive === "span") ignored.push(part);
    else directives.push(directive);
  }
  return { directives, ignored };
}

function parseDirective(text: string, source: string): LogDirective | "span" {
  const match = DIRECTIVE.exec(text);
  const [, name = "", span, levelText] = match ?? [];
  const target = name.trim();
  const isLevel = span === undefined && levelText === undefined;
  const alone = isLevel ? readThreshold(target) : undefined;
  if (alone !== undefined) return { target: undefined, level: alone };
  const level = (levelText ?? "").trim() === "" ? DEFAULT_LEVEL : readThreshold(levelText ?? "");
  if (match === null || level === undefined || (target === "" && span === undefined)) {
    throw new CacheError(
      "INVALID_CONFIG",
      `${source} must be a list of LEVEL or target=LEVEL, LEVEL one of ${THRESHOLDS.join(", ")}: got ${JSON.stringify(text)} (${source})`,
      { facts: { key: source, value: text, source } },
    );
  }
  return span === undefined ? { target, level } : "span";
}

function readThreshold(text: string): LogThreshold | undefined {
  const name = text.trim().toLowerCase();
  return THRESHOLDS.find((threshold, number) => threshold === name || String(number) === name);
}

/** The directives in the syntax of RUST_LOG; `info` if there are none. */
export function formatLogDirectives(directives: readonly LogDirective[]): string {
  if (directives.length === 0) return "info";
  return directives
    .map(({ target, level }) => (target === undefined ? level : `${target}=${level}`))
    .join(",");
}
