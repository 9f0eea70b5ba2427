/**
 * `grpc-timeout`: 1 to 8 digits and a unit, as milliseconds.
 *
 * Fractions of a millisecond are rounded up, so that a deadline of 1 ns is not 0. A timeout longer
 * than a timer supports (24.8 days) means no deadline.
 * Source: grpc/doc/PROTOCOL-HTTP2.md, "Requests".
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

const FORM = /^(\d{1,8})([HMSmun])$/;
const DIGITS_MAX = 99_999_999;

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/**
 * Milliseconds of a `grpc-timeout`; undefined if it is absent or too long for a timer.
 * @throws {CacheError} INVALID_REQUEST if the text is malformed
 */
export function parseTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const found = FORM.exec(text);
  if (found === null)
    throw new CacheError("INVALID_REQUEST", "grpc-timeout must be 1 to 8 digits and a unit");
  const timeoutMs = Math.ceil(Number(found[1]) * UNIT_MS[found[2]!]!);
  return timeoutMs <= LIMITS.deadlineMsMax ? timeoutMs : undefined;
}

/** Formats milliseconds (rounded up) in the finest unit that fits. */
export function formatTimeout(timeoutMs: number): string {
  const milliseconds = Math.max(0, Math.ceil(timeoutMs));
  if (milliseconds <= DIGITS_MAX) return `${milliseconds}m`;
  const seconds = Math.ceil(milliseconds / 1000);
  return seconds <= DIGITS_MAX ? `${seconds}S` : `${Math.min(DIGITS_MAX, Math.ceil(seconds / 3600))}H`;
}
