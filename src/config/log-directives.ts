/**
 * RUST_LOG and `--log`: a list of directives in the grammar of Rust's env-filter, as deployments of other services set it.
 *
 *     LEVEL                     of everything; also 0 (off) to 5 (trace)
 *     TARGET=LEVEL              of a target; TARGET and TARGET= mean trace
 *     TARGET[SPAN{FIELD=VALUE}]=LEVEL   each part but one may be missing
 *
 * There are no spans here: a directive that names one reaches nothing, and the caller notes it at debug. Which target a directive
 * reaches is decided by the log. Source: tracing-subscriber, EnvFilter, "Directives".
 */
import { CacheError } from "../errors.ts";
import type { LogDirective, LogThreshold } from "../log.ts";
import { type Environment, readVariable } from "./flame-home.ts";

/** By their numbers. */
const THRESHOLDS: readonly LogThreshold[] = ["off", "error", "warn", "info", "debug", "trace"];
/** What a target without a level is written from. */
const WHOLE: LogThreshold = "trace";
/** Target, span, and behind an equals sign the level. A span's fields may hold anything but its closing bracket. */
const DIRECTIVE = /^([^[\]{}=]*)(\[[^\]]*\])?(?:=([^=]*))?$/;
/** What stands between two commas; a comma inside of brackets parts nothing. */
const PART = /(?:\[[^\]]*\]|[^,])+/g;

export const LOG_VARIABLE = "RUST_LOG";

export interface ParsedLogDirectives {
  readonly directives: LogDirective[];
  /** Those that have no meaning here, as written. */
  readonly ignored: string[];
}

/** Flag over RUST_LOG over none, which the log reads as `info`. @throws {CacheError} INVALID_CONFIG */
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
 * Parses a list of directives; empty ones are passed over.
 * @param source named in the error.
 * @throws {CacheError} INVALID_CONFIG naming the directive that is malformed.
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
  const level = (levelText ?? "").trim() === "" ? WHOLE : readThreshold(levelText ?? "");
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

/** The directives as one would write them; `info` when there are none. */
export function formatLogDirectives(directives: readonly LogDirective[]): string {
  if (directives.length === 0) return "info";
  return directives
    .map(({ target, level }) => (target === undefined ? level : `${target}=${level}`))
    .join(",");
}
