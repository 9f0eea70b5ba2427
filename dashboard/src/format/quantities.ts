/**
 * Formats numbers for people: bytes, counts, rates, durations and times. Pure.
 *
 * Bytes have binary units. Each text is short enough for a table cell; the exact number belongs into
 * a title beside it.
 */

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;
const COUNT_UNITS = ["", "k", "M", "G", "T"] as const;

/** Smaller counts are not rounded. */
const EXACT_COUNT_MAX = 9_999.5;

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `0 B`, `1.5 KiB`, `230 MiB`. */
export function formatBytes(bytes: number): string {
  const { value, unit } = scaled(bytes, 1024, BYTE_UNITS);
  return `${value} ${unit}`;
}

/** `9,501`, `12.4k`, `1.20M`. */
export function formatCount(count: number): string {
  if (count < EXACT_COUNT_MAX) return formatExact(count);
  const { value, unit } = scaled(count, 1000, COUNT_UNITS);
  return `${value}${unit}`;
}

/** With separators between thousands: `1,234,567`. */
export function formatExact(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

/** `0.4/s`, `1.20k/s`. */
export function formatRate(perSecond: number): string {
  return `${perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : formatCount(Math.round(perSecond))}/s`;
}

/** @param ratio from 0 to 1. `98.7 %` */
export function formatPercent(ratio: number): string {
  const percent = ratio * 100;
  return `${percent === 0 || percent >= 99.95 ? Math.round(percent) : percent.toFixed(1)} %`;
}

/** `85 µs`, `3.2 ms`, `1.4 s`. */
export function formatLatency(seconds: number): string {
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${significant(seconds * 1000)} ms`;
  return `${significant(seconds)} s`;
}

/** `12 s`, `4 min`, `3 h 20 min`, `5 d 2 h`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min`;
  if (whole < DAY) return twoUnits(whole, [HOUR, "h"], [MINUTE, "min"]);
  return twoUnits(whole, [DAY, "d"], [HOUR, "h"]);
}

type Unit = readonly [seconds: number, name: string];

function twoUnits(seconds: number, [large, largeName]: Unit, [small, smallName]: Unit): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)} ${largeName}${rest > 0 ? ` ${rest} ${smallName}` : ""}`;
}

/** `in 3 min`, `12 s ago`. */
export function formatRelative(timeMs: number, nowMs: number): string {
  const seconds = (timeMs - nowMs) / 1000;
  if (Math.abs(seconds) < 1) return "just now";
  return seconds > 0 ? `in ${formatDuration(seconds)}` : `${formatDuration(-seconds)} ago`;
}

/** Local time: `2026-11-29 18:04:05`. The text as it is if it is not a time. */
export function formatTime(text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return text;
  const two = (number: number) => String(number).padStart(2, "0");
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

function scaled(number: number, base: number, units: readonly string[]): { value: string; unit: string } {
  let value = Math.max(0, number);
  let power = 0;
  // A value that would be rounded up to the base belongs to the next unit.
  while (value >= base - 0.5 && power < units.length - 1) {
    value /= base;
    power += 1;
  }
  return { value: power === 0 ? String(Math.round(value)) : significant(value), unit: units[power]! };
}

/** Three digits. */
function significant(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}
