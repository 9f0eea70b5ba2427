/**
 * Says in one English sentence why an object is here, or why it is gone. Pure.
 *
 * Derived from the present state and the newest events; names and reasons are quoted as they are, so
 * a caller that prints them on a terminal escapes control characters.
 */
import type { EventDetails, ObjectEvent } from "./object-event.ts";
import type { ObjectStory, PresentObject } from "./object-story.ts";

/** @param nowMs ms since 1970. */
export function explainObject(story: ObjectStory, nowMs: number): string {
  const { key, present, damage } = story;
  const own = story.events.filter(({ name }) => name === key);
  if (damage !== undefined) return `${key} ${damagedPhrase(own, damage, nowMs)}`;
  if (present !== undefined) return `${key} is here: ${presentPhrases(present, own, nowMs).join("; ")}`;
  const last = own.find(({ event }) => ENDS.has(event));
  if (last !== undefined) return `${key} ${endPhrase(last, nowMs)}`;
  return `${key} ${neverPhrase(story, own)}`;
}

/** Events that decide whether an object is there. */
const ENDS: ReadonlySet<string> = new Set([
  "put",
  "patched",
  "found",
  "deleted",
  "evicted",
  "expired",
  "quarantined",
  "damaged",
  "missing",
]);

function presentPhrases(present: PresentObject, own: readonly ObjectEvent[], nowMs: number): string[] {
  const { version, expiresAtMs, pins, readers, isNextEvicted } = present;
  const phrases = [`version ${version}${originPhrase(version, own, nowMs)}`];
  if (expiresAtMs !== undefined) phrases.push(`it expires in ${formatSpan(expiresAtMs - nowMs)}`);
  if (pins.length > 0) phrases.push(`it is pinned by ${pins.join(" and ")}`);
  if (readers > 0) phrases.push(`${readers === 1 ? "one call reads" : `${readers} calls read`} it`);
  if (isNextEvicted) phrases.push("it is among the next to be evicted");
  return phrases;
}

/** How the version came about. */
function originPhrase(version: number, own: readonly ObjectEvent[], nowMs: number): string {
  const origin = own.find(({ event, version: of }) => of === version && ORIGINS.has(event));
  if (origin === undefined) return "";
  const when = `${agoPhrase(origin, nowMs)}${byPhrase(origin)}`;
  const { replaced } = origin.details ?? {};
  if (origin.event === "patched") return ` since a patch ${when}`;
  if (origin.event === "found") return `, stored by another program and found ${when}`;
  return `, put ${when}${replaced === undefined ? "" : ` in place of version ${replaced}`}`;
}

const ORIGINS: ReadonlySet<string> = new Set(["put", "patched", "found"]);

function damagedPhrase(own: readonly ObjectEvent[], damage: string, nowMs: number): string {
  const event = own.find(({ event: name }) => name === "quarantined" || name === "damaged");
  const when = event === undefined ? "" : ` since ${formatSpan(nowMs - event.atMs)}`;
  const state = event?.event === "quarantined" ? "quarantined" : "damaged";
  return `is ${state}${when}: ${event?.details?.reason ?? damage}`;
}

function endPhrase(last: ObjectEvent, nowMs: number): string {
  const { event, details = {} } = last;
  const when = agoPhrase(last, nowMs);
  switch (event) {
    case "evicted":
      return `was evicted ${when}: ${evictionPhrase(last, details)}`;
    case "expired":
      return `expired ${when}${lifetimePhrase(details)}`;
    case "deleted":
      return `was deleted ${when}${byPhrase(last)} with DELETE ${details.pattern ?? last.name}`;
    case "quarantined":
      return `was quarantined ${when}: ${details.reason ?? "its bytes are damaged"}`;
    case "damaged":
      return `was damaged ${when}: ${details.reason ?? "its bytes are damaged"}`;
    case "missing":
      return `is gone: its file was missing when it was read ${when}; another program removed it`;
    default:
      return `is gone: version ${last.version} was there ${when}, and the journal does not say what happened then`;
  }
}

function evictionPhrase(last: ObjectEvent, { bound = "capacity", place, of, put }: EventDetails): string {
  if (place === undefined || of === undefined) return `${bound}, to bring the cache under its bound`;
  const rank = `${bound}, ${ordinal(place)} of ${of} ${of === 1 ? "object" : "objects"}`;
  return put === undefined
    ? `${rank} for the put of another object`
    : `${rank} for the put of ${put}${byPhrase(last)}`;
}

function lifetimePhrase({ ttlMs, rule }: EventDetails): string {
  if (typeof ttlMs !== "number") return "";
  const owner = rule === undefined ? "its time to live" : `the time to live of ${rule}`;
  return `: ${owner} was ${formatSpan(ttlMs)}`;
}

function neverPhrase({ isRecorded, sinceMs }: ObjectStory, own: readonly ObjectEvent[]): string {
  if (!isRecorded) return "is not here, and no journal is kept that could say why";
  const since = sinceMs === undefined ? "is empty" : `goes back to ${new Date(sinceMs).toISOString()}`;
  return `${own.length > 0 ? "is not here" : "was never here"} (the journal ${since})`;
}

function agoPhrase({ atMs }: ObjectEvent, nowMs: number): string {
  return `${formatSpan(nowMs - atMs)} ago`;
}

function byPhrase({ by }: ObjectEvent): string {
  return by === undefined ? "" : ` by ${by}`;
}

/** `1st`, `2nd`, `3rd`, `11th`. */
export function ordinal(place: number): string {
  const tens = place % 100;
  const ending = tens >= 11 && tens <= 13 ? "th" : (["th", "st", "nd", "rd"][place % 10] ?? "th");
  return `${place}${ending}`;
}

const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
] as const;

/** `3 minutes`, `1 hour`, `less than a second`: one unit, rounded down. */
export function formatSpan(spanMs: number): string {
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(spanMs / unitMs);
    if (count >= 1) return `${count} ${unit}${count === 1 ? "" : "s"}`;
  }
  return "less than a second";
}
