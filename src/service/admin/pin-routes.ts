/**
 * `POST|DELETE /v1/admin/pins/:app/:session/:object`: pins an object, or removes its pin.
 *
 * `POST ...?ttl_seconds=N` ends the pin after N seconds. Both need `put` on the object, as the Flight
 * actions PIN and UNPIN. They answer with `{"key", "pinned", "until"}`; `until` is null if the pin
 * has no end. DELETE also succeeds if there was no pin; a pin of the session stays.
 */
import type { ChangeTerms } from "../../cache/retaining.ts";
import { CacheError } from "../../errors.ts";
import { formatObjectKey } from "../../object/object-key.ts";
import type { HttpCall, HttpRoute } from "../http/http-call.ts";
import { answerJson } from "../http/json-answer.ts";
import { keyOf } from "../http/objects/object-call.ts";
import type { ServiceContext } from "../service-context.ts";
import { ttlOfSeconds } from "../time-to-live.ts";

const PATH = "/v1/admin/pins/:app/:session/:object";

export const PIN_ROUTES: readonly HttpRoute[] = [
  { method: "POST", path: PATH, access: ["put"], handle: pin },
  { method: "DELETE", path: PATH, access: ["put"], handle: unpin },
];

async function pin(call: HttpCall): Promise<void> {
  const { context, url, response } = call;
  const key = keyOf(call);
  const ttlMs = pinTime(url.searchParams.get("ttl_seconds"));
  const { untilMs } = await context.cache.retaining.pin({ scope: "object", key }, ttlMs, termsOf(context));
  const until = Number.isFinite(untilMs) ? new Date(untilMs).toISOString() : null;
  answerJson(response, 200, { key: formatObjectKey(key), pinned: true, until });
}

async function unpin(call: HttpCall): Promise<void> {
  const { context, response } = call;
  const key = keyOf(call);
  await context.cache.retaining.unpin({ scope: "object", key }, termsOf(context));
  answerJson(response, 200, { key: formatObjectKey(key), pinned: false, until: null });
}

function termsOf({ durability, identity }: ServiceContext): ChangeTerms {
  return { durability, actor: identity.name };
}

/** @throws {CacheError} INVALID_REQUEST */
function pinTime(text: string | null): number | undefined {
  if (text === null) return undefined;
  const ttlMs = ttlOfSeconds(text.trim() === "" ? Number.NaN : Number(text), "ttl_seconds");
  if (ttlMs > 0) return ttlMs;
  throw new CacheError("INVALID_REQUEST", "the time of a pin must be over 0 seconds");
}
