/**
 * RUST_LOG: `LEVEL` or `target=LEVEL`, comma-separated, as deployments of existing services set it.
 *
 * Only the text is read here; which target a directive reaches is decided by the log. Targets of libraries we do
 * not have are read and reach nothing.
 */
import { CacheError } from "../errors.ts";
import type { LogDirective, LogThreshold } from "../log.ts";
import { type Environment, readVariable } from "./flame-home.ts";

const THRESHOLDS: readonly LogThreshold[] = ["off", "error", "warn", "info", "debug", "trace"];
const TARGET = /^[a-z_][a-z0-9_-]*(::[a-z0-9_-]+)*$/i;

export const LOG_VARIABLE = "RUST_LOG";

/** Flag over RUST_LOG over none, which the log reads as `info`. @throws {CacheError} INVALID_CONFIG */
export function loadLogDirectives(options: {
  readonly flag?: string | undefined;
  readonly env?: Environment;
}): { directives: LogDirective[]; source: string } {
  if (options.flag !== undefined) {
    return { directives: parseLogDirectives(options.flag, "--log"), source: "--log" };
  }
  const text = readVariable(options.env ?? process.env, LOG_VARIABLE);
  if (text === undefined) return { directives: [], source: "default" };
  return { directives: parseLogDirectives(text, LOG_VARIABLE), source: LOG_VARIABLE };
}

/**
 * Parses a list of directives; empty ones are passed over.
 * @param source named in the error.
 * @throws {CacheError} INVALID_CONFIG naming the directive that is malformed.
 */
export function parseLogDirectives(text: string, source: string): LogDirective[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => parseDirective(part, source));
}

function parseDirective(text: string, source: string): LogDirective {
  const split = text.lastIndexOf("=");
  const target = split < 0 ? undefined : text.slice(0, split).trim();
  const level = readThreshold(text.slice(split + 1));
  if (level === undefined || (target !== undefined && !TARGET.test(target))) {
    throw new CacheError(
      "INVALID_CONFIG",
      `${source} must be a list of LEVEL or target=LEVEL, LEVEL one of ${THRESHOLDS.join(", ")}: got ${JSON.stringify(text)} (${source})`,
      { facts: { key: source, value: text, source } },
    );
  }
  return { target, level };
}

function readThreshold(text: string): LogThreshold | undefined {
  const name = text.trim().toLowerCase();
  return THRESHOLDS.find((threshold) => threshold === name);
}

/** The directives as one would write them; `info` when there are none. */
export function formatLogDirectives(directives: readonly LogDirective[]): string {
  if (directives.length === 0) return "info";
  return directives
    .map(({ target, level }) => (target === undefined ? level : `${target}=${level}`))
    .join(",");
}
