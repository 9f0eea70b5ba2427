/**
 * The answer to `why`, as JSON: over Flight by the action WHY, over HTTP by `/v1/why`.
 *
 * Times are ISO 8601, sizes bytes. A `cause` is one phrase for people.
 */
import { explainObject, formatSpan, ordinal } from "../cache/events/explain-object.ts";
import type { EventDetails, ObjectEvent } from "../cache/events/object-event.ts";
import type { ObjectStory } from "../cache/events/object-story.ts";
import type { ObjectKey } from "../object/object-key.ts";
import type { ServiceContext } from "./service-context.ts";

/** @throws {CacheError} PERMISSION_DENIED */
export async function answerWhy(context: ServiceContext, key: ObjectKey): Promise<string> {
  return JSON.stringify(whyAnswer(await context.cache.observing.why(key), Date.now()));
}

export function whyAnswer(story: ObjectStory, nowMs: number) {
  const { key, present, damage, events, sinceMs, isRecorded } = story;
  return {
    key,
    present: present !== undefined,
    answer: explainObject(story, nowMs),
    object: present && {
      version: present.version,
      kind: present.kind,
      rows: present.rows,
      data_bytes: present.dataBytes,
      stored_bytes: present.storedBytes,
      patches: present.patches,
      expires_at: timeText(present.expiresAtMs),
      pinned_by: present.pins,
      readers: present.readers,
      next_evicted: present.isNextEvicted,
    },
    damage: damage ?? null,
    journal: { recorded: isRecorded, since: timeText(sinceMs) },
    events: events.map(eventAnswer),
  };
}

function eventAnswer({ name, atMs, event, version, by, bytes, details }: ObjectEvent) {
  return {
    at: timeText(atMs),
    event,
    name,
    version: version ?? null,
    by: by ?? null,
    cause: causePhrase(details ?? {}) ?? null,
    bytes: bytes ?? null,
  };
}

function causePhrase(details: EventDetails): string | undefined {
  const { replaced, pattern, reason, bound, place, of, put, ttlMs, rule } = details;
  if (reason !== undefined) return reason;
  if (pattern !== undefined) return `DELETE ${pattern}`;
  if (replaced !== undefined) return `replaced version ${replaced}`;
  if (bound !== undefined) {
    const rank = place === undefined || of === undefined ? "" : `, ${ordinal(place)} of ${of}`;
    return `${bound}${rank}${put === undefined ? "" : ` for put of ${put}`}`;
  }
  if (ttlMs === undefined) return undefined;
  const span = ttlMs === null ? "without end" : `for ${formatSpan(ttlMs)}`;
  return rule === undefined ? span : `${span}, by the rule of ${rule}`;
}

function timeText(timeMs: number | undefined): string | null {
  const isTime = timeMs !== undefined && Math.abs(timeMs) <= TIME_MS_MAX;
  return isTime ? new Date(timeMs).toISOString() : null;
}

/** The largest time of a Date. A damaged line may have a larger one. */
const TIME_MS_MAX = 8.64e15;
