/**
 * Parses and formats durations as people write them: `5m`, `90s`, `1.5h`, `250ms`.
 *
 * A number without a unit is in seconds. Fractions of a millisecond are dropped.
 */
import { LIMITS } from "../limits.ts";
import { textSchema } from "./text-schema.ts";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, "": 1000, s: 1000, m: 60_000, h: 3_600_000 };
const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|)$/i;

/** A duration in ms, at most the longest delay of a timer. */
export const durationSchema = textSchema(parseDuration);

function parseDuration(text: string, refuse: (text: string) => never): number {
  const match = DURATION.exec(text);
  if (match === null) return refuse("must be a duration: a number followed by ms, s, m or h, such as 5m");
  const durationMs = Math.floor(Number(match[1]) * UNIT_MS[match[2]!.toLowerCase()]!);
  if (durationMs >= 1 && durationMs <= LIMITS.deadlineMsMax) return durationMs;
  return refuse("must be a duration from 1ms to 24 days");
}

/** A duration that may be `none` or 0, which means 0 ms. */
export const durationOrNoneSchema = textSchema((text, refuse) => {
  if (text.toLowerCase() === "none" || text === "0") return 0;
  return parseDuration(text, refuse);
});

/** The shortest exact spelling: 300000 is `5m`, 1500 is `1500ms`. */
export function formatDuration(durationMs: number): string {
  for (const unit of ["h", "m", "s"]) {
    if (durationMs % UNIT_MS[unit]! === 0) return `${durationMs / UNIT_MS[unit]!}${unit}`;
  }
  return `${durationMs}ms`;
}
