/**
 * Parses option values as people write them: counts, durations, times, sizes.
 *
 * Each parser throws commander's InvalidArgumentError, which becomes one line on standard error and
 * exit code 64.
 */
import { InvalidArgumentError } from "commander";
import { byteSizeSchema } from "../config/byte-size.ts";

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, "": 1, s: 1, m: 60, h: 3600, d: 86_400 };
const SPAN = /^(\d{1,12}(?:\.\d{1,3})?)\s*(ms|s|m|h|d|)$/i;
const DATE = /^\d{4}-\d{2}-\d{2}(T.+)?$/;

/** A parser of whole numbers in a range. */
export function countFrom(min: number, max: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (/^\d{1,15}$/.test(text) && count >= min && count <= max) return count;
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  };
}

/** Parses `90`, `90s`, `1.5h`, `7d`: a positive duration in seconds. */
export function parseSpan(text: string): number {
  const match = SPAN.exec(text.trim());
  const seconds = match === null ? 0 : Number(match[1]) * SECONDS[match[2]!.toLowerCase()]!;
  if (seconds > 0) return seconds;
  throw new InvalidArgumentError("It must be a duration: a number with ms, s, m, h or d, such as 90s.");
}

/** Parses a duration before now, or an ISO 8601 date, to ms since 1970. */
export function parseMoment(text: string): number {
  if (!DATE.test(text)) return Date.now() - 1000 * parseSpan(text);
  const timeMs = Date.parse(text);
  if (!Number.isNaN(timeMs)) return timeMs;
  throw new InvalidArgumentError("It must be a duration such as 2h, or a date such as 2024-05-01T12:00Z.");
}

/** Parses a duration from now, or an ISO 8601 date, to ms since 1970. */
export function parseDeadline(text: string): number {
  const timeMs = DATE.test(text) ? Date.parse(text) : Date.now() + 1000 * parseSpan(text);
  if (timeMs > Date.now()) return timeMs;
  throw new InvalidArgumentError("It must be a duration such as 30d, or a date in the future.");
}

/** Parses `512`, `64K`, `1.5MiB` to bytes. */
export function parseSize(text: string): number {
  const read = byteSizeSchema.safeParse(text);
  if (read.success) return read.data;
  throw new InvalidArgumentError("It must be a size: a number with K, M, G, T or P, such as 64K.");
}
