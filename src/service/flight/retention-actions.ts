/**
 * The actions that control how long objects are kept: our PIN, UNPIN and EXPIRE, and Flight's
 * RenewFlightEndpoint and CancelFlightInfo.
 *
 * The body of our actions is a name as for DELETE, or JSON if it starts with a brace: `{"key":
 * NAME, "ttl_seconds": N}`. A key that itself starts with a brace needs the JSON form.
 */
import { CacheError } from "../../errors.ts";
import {
  decodeCancelRequest,
  decodeRenewRequest,
  encodeCancelResult,
  encodeEndpoint,
} from "../../flight/lifetime-messages.ts";
import { decodeText } from "../../flight/text.ts";
import { parseTicket } from "../../flight/ticket.ts";
import { formatObjectKey, type KeyPattern } from "../../object/object-key.ts";
import type { Lifetime } from "../../object/object-metadata.ts";
import { turnIfDue } from "../../turns.ts";
import { parseDeletePattern } from "../key-pattern.ts";
import type { ServiceContext } from "../service-context.ts";
import { ttlOfSeconds } from "../time-to-live.ts";
import type { CallTerms } from "./call-terms.ts";
import { ticketTarget } from "./ticket-target.ts";

interface NamedTime {
  readonly name: string;
  readonly pattern: KeyPattern;
  /** undefined: null or absent. */
  readonly ttlMs: number | undefined;
}

/** Answers with JSON: the end of the pin. */
export async function pinNamed(context: ServiceContext, body: Buffer, terms: CallTerms): Promise<string> {
  const { name, pattern, ttlMs } = parseNamedTime(body, terms.facts);
  if (ttlMs === 0) throw new CacheError("INVALID_REQUEST", "the time of a pin must be over 0 seconds");
  const { untilMs } = await context.cache.retaining.pin(pattern, ttlMs, terms);
  return answer(name, untilMs);
}

/** Answers OK even if there is no pin with this name. */
export async function unpinNamed(context: ServiceContext, body: Buffer, terms: CallTerms): Promise<string> {
  await context.cache.retaining.unpin(parseNamedTime(body, terms.facts).pattern, terms);
  return "OK";
}

/**
 * Answers with JSON: the end of the lifetime; for a session or application, of its present objects.
 */
export async function expireNamed(context: ServiceContext, body: Buffer, terms: CallTerms): Promise<string> {
  const { name, pattern, ttlMs } = parseNamedTime(body, terms.facts);
  if (ttlMs === 0)
    throw new CacheError(
      "INVALID_REQUEST",
      "ttl_seconds must be over 0: DELETE removes objects, null means unlimited",
    );
  const lifetime = await context.cache.retaining.expire(pattern, ttlMs, terms);
  return answer(name, lifetime?.untilMs ?? Number.POSITIVE_INFINITY);
}

/** Answers with the endpoint and its new expiration time. */
export async function renewEndpoint(
  context: ServiceContext,
  body: Buffer,
  terms: CallTerms,
): Promise<Uint8Array> {
  const { expirationTime, ...endpoint } = decodeRenewRequest(body);
  const { key } = await ticketTarget(context.cache, parseTicket(endpoint.ticket));
  if (terms.facts !== undefined) terms.facts.key = formatObjectKey(key);
  const wantedUntilMs = expirationTime?.getTime();
  const lifetime = await context.cache.retaining.renew(key, wantedUntilMs, terms);
  return encodeEndpoint({ ...endpoint, ...expiration(lifetime) });
}

/** Deletes the objects that the endpoints' tickets name. */
export async function cancelFlight(
  context: ServiceContext,
  body: Buffer,
  terms: CallTerms,
): Promise<Uint8Array> {
  let deleted = 0;
  for (const endpoint of decodeCancelRequest(body).endpoints) {
    const ticket = parseTicket(endpoint.ticket);
    if (terms.facts !== undefined) terms.facts.key = ticket.key;
    const { key } = await ticketTarget(context.cache, ticket);
    deleted += await context.cache.delete({ scope: "object", key }, terms.durability, { actor: terms.actor });
    await turnIfDue();
  }
  return encodeCancelResult(deleted > 0 ? "cancelled" : "notCancellable");
}

/** The fields of a FlightEndpoint that carry the lifetime. */
export function expiration(lifetime: Lifetime | undefined): { readonly expirationTime?: Date } {
  return lifetime === undefined ? {} : { expirationTime: new Date(lifetime.untilMs) };
}

function answer(key: string, untilMs: number): string {
  return JSON.stringify({ key, until: Number.isFinite(untilMs) ? new Date(untilMs).toISOString() : null });
}

/** @param facts get the name, even if it is refused */
function parseNamedTime(body: Buffer, facts: CallTerms["facts"]): NamedTime {
  const text = decodeText(body, "the name");
  if (facts !== undefined) facts.key = text;
  if (!text.startsWith("{")) return { name: text, pattern: parseDeletePattern(text), ttlMs: undefined };
  const { key, ttl_seconds: seconds } = parseJson(text);
  if (typeof key !== "string")
    throw new CacheError("INVALID_REQUEST", 'the JSON has no "key" that is a string');
  if (facts !== undefined) facts.key = key;
  const pattern = parseDeletePattern(key);
  if (seconds === undefined || seconds === null) return { name: key, pattern, ttlMs: undefined };
  if (typeof seconds !== "number") {
    throw new CacheError("INVALID_REQUEST", "ttl_seconds must be a number or null");
  }
  return { name: key, pattern, ttlMs: ttlOfSeconds(seconds, "ttl_seconds") };
}

function parseJson(text: string): { readonly key?: unknown; readonly ttl_seconds?: unknown } {
  try {
    return JSON.parse(text) as object;
  } catch (cause) {
    throw new CacheError("INVALID_REQUEST", "the body starts with a brace but is not JSON", { cause });
  }
}
