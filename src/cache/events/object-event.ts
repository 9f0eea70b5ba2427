/**
 * An event in the life of an object, and its line in the event journal.
 *
 *     ["app/s/x",1790000000000,"put",5,1234,"alice",{"replaced":4}]
 *       name      ms since 1970 event version bytes by   details, absent if there are none
 *
 * A line is JSON, so no name can break it, and it begins with the name, so a search compares bytes
 * (find-events.ts). Fields at the end may be null or absent.
 */
import { LIMITS } from "../../limits.ts";

/**
 * `damaged`: it cannot be read, and its file stays. `missing`: its file was removed by another
 * program. `found`: another program stored it. `lost`: events that could not be written. `begun`:
 * the first line of a segment, and of each start of the server.
 */
export const EVENT_NAMES = [
  "put",
  "patched",
  "deleted",
  "evicted",
  "expired",
  "quarantined",
  "damaged",
  "missing",
  "found",
  "pinned",
  "unpinned",
  "ttl",
  "lost",
  "begun",
] as const;

export type EventName = (typeof EVENT_NAMES)[number];

/** What is particular to one kind of event. */
export interface EventDetails {
  /** put: the version of the object that was replaced. */
  readonly replaced?: number;
  /** deleted: the name that the caller gave, such as `app/s` or `app/*`. */
  readonly pattern?: string;
  /** quarantined, damaged */
  readonly reason?: string;
  /** evicted: the bound that was reached. */
  readonly bound?: "capacity" | "memory" | "objects";
  /** evicted: its place among the objects evicted for one put, from 1, and their number so far. */
  readonly place?: number;
  readonly of?: number;
  /** evicted: the key that was put. Its caller is `by`. */
  readonly put?: string;
  /** expired, ttl, pinned: ms; null: unlimited. */
  readonly ttlMs?: number | null;
  /** expired: the session or application whose rule set the time to live. */
  readonly rule?: string;
  /** lost: how many events. */
  readonly count?: number;
}

export interface ObjectEvent {
  /** A key; for pins and times to live also `app` or `app/session`. */
  readonly name: string;
  readonly atMs: number;
  readonly event: EventName;
  readonly version?: number | undefined;
  /** Bytes of the value, or of the bodies of a table. */
  readonly bytes?: number | undefined;
  /** The caller: the name of its identity, or its address. */
  readonly by?: string | undefined;
  readonly details?: EventDetails | undefined;
}

/** An event that gets its time from the journal. */
export type NewEvent = Omit<ObjectEvent, "atMs">;

/** With its line feed. The time is apart, because a copy of the event would cost 3 us. */
export function encodeEvent({ name, event, version, bytes, by, details }: NewEvent, atMs: number): string {
  const actor = by === undefined ? "null" : encodeActor(by);
  const front = `[${JSON.stringify(name)},${atMs},"${event}",${version ?? null},${bytes ?? null},${actor}`;
  return details === undefined ? `${front}]\n` : `${front},${JSON.stringify(cutReason(details))}]\n`;
}

/** The bytes with which every line of this name begins. */
export function lineStart(name: string): Buffer {
  return Buffer.from(`[${JSON.stringify(name)},`);
}

/** Undefined if the line is not an event. */
export function decodeEvent(line: string): ObjectEvent | undefined {
  const values = parseLine(line);
  if (!Array.isArray(values)) return undefined;
  const [name, atMs, event, version, bytes, by, details] = values as unknown[];
  if (typeof name !== "string" || typeof atMs !== "number" || !isEventName(event)) return undefined;
  return {
    name,
    atMs,
    event,
    version: typeof version === "number" ? version : undefined,
    bytes: typeof bytes === "number" ? bytes : undefined,
    by: typeof by === "string" ? by : undefined,
    details: typeof details === "object" && details !== null ? (details as EventDetails) : undefined,
  };
}

/** Callers are few, and a put names one each time. */
const encodedActors = new Map<string, string>();
const ENCODED_ACTORS_MAX = 1024;

function encodeActor(actor: string): string {
  const known = encodedActors.get(actor);
  if (known !== undefined) return known;
  const encoded = JSON.stringify(actor.slice(0, LIMITS.eventActorLengthMax));
  if (encodedActors.size >= ENCODED_ACTORS_MAX) encodedActors.clear();
  encodedActors.set(actor, encoded);
  return encoded;
}

function cutReason(details: EventDetails): EventDetails {
  if (details.reason === undefined || details.reason.length <= LIMITS.eventReasonLengthMax) return details;
  return { ...details, reason: details.reason.slice(0, LIMITS.eventReasonLengthMax) };
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isEventName(name: unknown): name is EventName {
  return EVENT_NAMES.some((each) => each === name);
}
