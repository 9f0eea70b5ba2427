/**
 * The lines of the retention journal, as JSON with a few fields.
 *
 *     {"pin": NAME, "until": MS | null}            pinned until then; null: until unpinned
 *     {"unpin": NAME}
 *     {"rule": NAME, "ttl": MS | null, "at": MS}   time to live of later puts; null: no rule
 *     {"expiry": NAME, "base": VERSION, "until": MS | null, "ttl": MS}  one object; null: unlimited
 *     {"clock": MS}                                the time when something expired
 *
 * NAME is `app`, `app/session` or `app/session/object`; times are ms since 1970. An object's expiry
 * contains its base version, so it never applies to a newer base. Unknown fields are ignored.
 */

export type RetentionRecord =
  | { readonly kind: "pin"; readonly name: string; readonly untilMs: number }
  | { readonly kind: "unpin"; readonly name: string }
  | {
      readonly kind: "rule";
      readonly name: string;
      readonly ttlMs: number | undefined;
      readonly setAtMs: number;
    }
  | {
      readonly kind: "expiry";
      readonly name: string;
      readonly baseVersion: number;
      readonly untilMs: number;
      readonly ttlMs: number;
    }
  | { readonly kind: "clock"; readonly timeMs: number };

/** Unlimited times are Infinity here and null in the record. */
export function encodeRetentionRecord(record: RetentionRecord): string {
  switch (record.kind) {
    case "clock":
      return JSON.stringify({ clock: record.timeMs });
    case "pin":
      return JSON.stringify({ pin: record.name, until: orNull(record.untilMs) });
    case "unpin":
      return JSON.stringify({ unpin: record.name });
    case "rule":
      return JSON.stringify({ rule: record.name, ttl: record.ttlMs ?? null, at: record.setAtMs });
    case "expiry": {
      const { name, baseVersion, untilMs, ttlMs } = record;
      return JSON.stringify({ expiry: name, base: baseVersion, until: orNull(untilMs), ttl: ttlMs });
    }
  }
}

/** @returns undefined for a line that is none of the five. */
export function decodeRetentionRecord(line: string): RetentionRecord | undefined {
  const fields = parseObject(line);
  if (typeof fields.pin === "string" && isEnd(fields.until)) {
    return { kind: "pin", name: fields.pin, untilMs: orInfinity(fields.until) };
  }
  if (isTime(fields.clock)) return { kind: "clock", timeMs: fields.clock };
  if (typeof fields.unpin === "string") return { kind: "unpin", name: fields.unpin };
  if (typeof fields.rule === "string" && isEnd(fields.ttl) && isTime(fields.at)) {
    return { kind: "rule", name: fields.rule, ttlMs: fields.ttl ?? undefined, setAtMs: fields.at };
  }
  const { expiry, base, until, ttl } = fields;
  if (typeof expiry !== "string" || !isTime(base) || !isEnd(until) || !isTime(ttl)) return undefined;
  return { kind: "expiry", name: expiry, baseVersion: base, untilMs: orInfinity(until), ttlMs: ttl };
}

function parseObject(line: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isEnd(value: unknown): value is number | null {
  return value === null || isTime(value);
}

function orNull(timeMs: number): number | null {
  return Number.isFinite(timeMs) ? timeMs : null;
}

function orInfinity(timeMs: number | null): number {
  return timeMs ?? Number.POSITIVE_INFINITY;
}
