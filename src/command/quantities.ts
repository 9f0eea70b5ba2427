/**
 * Formats sizes, counts and durations for people. Units of size are powers of 1024.
 */

const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** `0 B`, `999 B`, `1.00 KiB`, `12.3 MiB`, `512 MiB`: three digits from 1 KiB on. */
export function formatSize(sizeBytes: number): string {
  if (sizeBytes < 1024) return `${Math.round(sizeBytes)} B`;
  let value = sizeBytes / 1024;
  let unit = 0;
  // 1023.6 would round to 1024.
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${threeDigits(value)} ${UNITS[unit]}`;
}

function threeDigits(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value.toFixed(value >= 9.995 ? 1 : 2);
}

/** `1 object`, `1,234 objects`. The noun takes an `s`. */
export function formatCount(count: number, noun: string): string {
  const digits = String(count).replaceAll(/\B(?=(\d{3})+$)/g, ",");
  return `${digits} ${noun}${count === 1 ? "" : "s"}`;
}

/** `4s`, `3m 20s`, `2h 05m`; rounded up to full seconds. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${pad(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 100 ? `${hours}h ${pad(minutes % 60)}m` : `${hours}h`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
