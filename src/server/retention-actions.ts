/**
 * The actions about how long objects stay: PIN, UNPIN and EXPIRE of our own, RenewFlightEndpoint and CancelFlightInfo of Flight.
 *
 * A body of our own is a name as DELETE takes it, or JSON when it begins with a brace: `{"key": NAME, "ttl_seconds": N}`. A key that begins
 * with a brace itself is named by JSON only.
 */
import { CacheError } from "../errors.ts";
import {
  decodeCancelRequest,
  decodeRenewRequest,
  encodeCancelResult,
  encodeEndpoint,
} from "../flight/lifetime-messages.ts";
import { decodeText } from "../flight/text.ts";
import { parseTicket } from "../flight/ticket.ts";
import { formatObjectKey, type KeyPattern } from "../object/object-key.ts";
import type { Lifetime } from "../object/object-metadata.ts";
import { turnIfDue } from "../turns.ts";
import { ttlOfSeconds } from "./call-lifetime.ts";
import type { CallTerms } from "./call-terms.ts";
import { parseDeletePattern } from "./key-pattern.ts";
import type { ServiceContext } from "./service-context.ts";
import { ticketTarget } from "./ticket-target.ts";

interface NamedTime {
  readonly name: string;
  readonly pattern: KeyPattern;
  /** undefined: null, or not said. */
  readonly ttlMs: number | undefined;
}

/** Answers JSON: until when. */
export async function pinNamed(
  context: ServiceContext,
  body: Buffer,
  { durability, facts }: CallTerms,
): Promise<string> {
  const { name, pattern, ttlMs } = parseNamedTime(body, facts);
  if (ttlMs === 0) throw new CacheError("INVALID_REQUEST", "a pin of no seconds pins nothing");
  const { untilMs } = await context.cache.retaining.pin(pattern, ttlMs, durability);
  return answer(name, untilMs);
}

/** Answers OK, also when nothing was pinned by this name. */
export async function unpinNamed(
  context: ServiceContext,
  body: Buffer,
  { durability, facts }: CallTerms,
): Promise<string> {
  await context.cache.retaining.unpin(parseNamedTime(body, facts).pattern, durability);
  return "OK";
}

/** Answers JSON: until when; for a session or application until when what is there. */
export async function expireNamed(
  context: ServiceContext,
  body: Buffer,
  { durability, facts }: CallTerms,
): Promise<string> {
  const { name, pattern, ttlMs } = parseNamedTime(body, facts);
  if (ttlMs === 0) throw new CacheError("INVALID_REQUEST", "what is to go now is deleted; null is no end");
  const lifetime = await context.cache.retaining.expire(pattern, ttlMs, durability);
  return answer(name, lifetime?.untilMs ?? Number.POSITIVE_INFINITY);
}

/** Answers the endpoint with its new time. */
export async function renewEndpoint(
  context: ServiceContext,
  body: Buffer,
  { durability, facts }: CallTerms,
): Promise<Uint8Array> {
  const { expirationTime, ...endpoint } = decodeRenewRequest(body);
  const { key } = await ticketTarget(context.cache, parseTicket(endpoint.ticket));
  if (facts !== undefined) facts.key = formatObjectKey(key);
  const wantedUntilMs = expirationTime?.getTime();
  const lifetime = await context.cache.retaining.renew(key, wantedUntilMs, durability);
  return encodeEndpoint({ ...endpoint, ...expiration(lifetime) });
}

/** Deletes what the endpoints' tickets name. */
export async function cancelFlight(
  context: ServiceContext,
  body: Buffer,
  { durability, facts }: CallTerms,
): Promise<Uint8Array> {
  let deleted = 0;
  for (const endpoint of decodeCancelRequest(body).endpoints) {
    const ticket = parseTicket(endpoint.ticket);
    if (facts !== undefined) facts.key = ticket.key;
    const { key } = await ticketTarget(context.cache, ticket);
    deleted += await context.cache.delete({ scope: "object", key }, durability);
    await turnIfDue();
  }
  return encodeCancelResult(deleted > 0 ? "cancelled" : "notCancellable");
}

/** For a FlightEndpoint. */
export function expiration(lifetime: Lifetime | undefined): { readonly expirationTime?: Date } {
  return lifetime === undefined ? {} : { expirationTime: new Date(lifetime.untilMs) };
}

function answer(key: string, untilMs: number): string {
  return JSON.stringify({ key, until: Number.isFinite(untilMs) ? new Date(untilMs).toISOString() : null });
}

/** @param facts are given the name, also where it is refused */
function parseNamedTime(body: Buffer, facts: CallTerms["facts"]): NamedTime {
  const text = decodeText(body, "the name");
  if (facts !== undefined) facts.key = text;
  if (!text.startsWith("{")) return { name: text, pattern: parseDeletePattern(text), ttlMs: undefined };
  const { key, ttl_seconds: seconds } = parseJson(text);
  if (typeof key !== "string") throw new CacheError("INVALID_REQUEST", 'the JSON has no text "key"');
  if (facts !== undefined) facts.key = key;
  const pattern = parseDeletePattern(key);
  if (seconds === undefined || seconds === null) return { name: key, pattern, ttlMs: undefined };
  if (typeof seconds !== "number") {
    throw new CacheError("INVALID_REQUEST", "ttl_seconds must be a number, or null");
  }
  return { name: key, pattern, ttlMs: ttlOfSeconds(seconds, "ttl_seconds") };
}

function parseJson(text: string): { readonly key?: unknown; readonly ttl_seconds?: unknown } {
  try {
    return JSON.parse(text) as object;
  } catch (cause) {
    throw new CacheError("INVALID_REQUEST", "the body begins with a brace and is not JSON", { cause });
  }
}
