/**
 * DoAction and ListActions: one table of actions, each a name, a description and what it does.
 *
 * A new action is a new row here.
 */

import type { Draft } from "../cache/put-draft.ts";
import { CacheError } from "../errors.ts";
import { CANCEL_FLIGHT_INFO, RENEW_FLIGHT_ENDPOINT } from "../flight/lifetime-messages.ts";
import { decodeAction, encodeActionType, encodeResult } from "../flight/messages.ts";
import { bytesOf, decodeText } from "../flight/text.ts";
import type { ServerCall } from "../grpc/call.ts";
import { formatObjectKey, parseObjectKey, parseSessionPrefix } from "../object/object-key.ts";
import { OpaqueWriter } from "../object/opaque-writer.ts";
import type { Durability } from "../storage/object-storage.ts";
import { type CallTerms, callTerms } from "./call-terms.ts";
import { parseDeletePattern } from "./key-pattern.ts";
import { cancelFlight, expireNamed, pinNamed, renewEndpoint, unpinNamed } from "./retention-actions.ts";
import type { ServiceContext } from "./service-context.ts";

interface ActionRow {
  readonly description: string;
  readonly run: (context: ServiceContext, body: Buffer, terms: CallTerms) => Promise<string | Uint8Array>;
}

export const ACTIONS: Readonly<Record<string, ActionRow>> = {
  PUT: {
    description:
      "app/session:BASE64 stores an opaque value under an object id that the server makes; answers JSON",
    run: putValue,
  },
  UPDATE: {
    description: "app/session/object:BASE64 stores an opaque value under this key; answers JSON",
    run: updateValue,
  },
  DELETE: {
    description:
      "app/session/object, app/session or app/* deletes what it names; answers OK, also when nothing matched",
    run: deleteNamed,
  },
  PIN: {
    description:
      'keeps from eviction what a name as for DELETE stands for, or for a time: {"key": NAME, "ttl_seconds": N}; answers JSON',
    run: pinNamed,
  },
  UNPIN: {
    description: "ends the pin that was set under this name; answers OK, also when there was none",
    run: unpinNamed,
  },
  EXPIRE: {
    description:
      '{"key": NAME, "ttl_seconds": N or null} says how long an object, or each object of a session or application, may live; answers JSON',
    run: expireNamed,
  },
  [RENEW_FLIGHT_ENDPOINT]: {
    description:
      "takes a RenewFlightEndpointRequest, extends the expiration time of its endpoint and answers the FlightEndpoint",
    run: renewEndpoint,
  },
  [CANCEL_FLIGHT_INFO]: {
    description:
      "takes a CancelFlightInfoRequest, drops the objects of its FlightInfo and answers a CancelFlightInfoResult",
    run: cancelFlight,
  },
};

export async function doAction(context: ServiceContext, request: Buffer, call: ServerCall): Promise<void> {
  const { type, body } = decodeAction(request);
  const action = Object.hasOwn(ACTIONS, type) ? ACTIONS[type] : undefined;
  if (action === undefined) {
    throw new CacheError("UNKNOWN_ACTION", `there are ${Object.keys(ACTIONS).join(", ")}`);
  }
  const answer = await action.run(context, body, callTerms(context, call));
  await call.write([encodeResult(bytesOf(answer))]);
}

export async function listActions(call: ServerCall): Promise<void> {
  for (const [type, { description }] of Object.entries(ACTIONS)) {
    await call.write([encodeActionType({ type, description })]);
  }
}

async function putValue(context: ServiceContext, body: Buffer, terms: CallTerms): Promise<string> {
  const { name, value } = splitValue(body);
  const prefix = parseSessionPrefix(name.includes("/") ? name : name.replace(":", "/"));
  return await storeValue(context, context.cache.draftCreate(prefix, "opaque", terms.ttlMs), {
    value,
    ...terms,
  });
}

async function updateValue(context: ServiceContext, body: Buffer, terms: CallTerms): Promise<string> {
  const { name, value } = splitValue(body);
  const draft = context.cache.draftPut(parseObjectKey(name), "opaque", terms.ttlMs);
  return await storeValue(context, draft, { value, ...terms });
}

async function storeValue(
  context: ServiceContext,
  draft: Draft,
  { value, durability }: { readonly value: Buffer; readonly durability: Durability },
): Promise<string> {
  try {
    const writer = new OpaqueWriter(draft.sink);
    await writer.append([value]);
    const version = await draft.commit(writer, durability);
    const { endpoint } = context;
    return JSON.stringify({ endpoint, key: formatObjectKey(draft.key), version, size: value.length });
  } finally {
    await draft.discard();
  }
}

async function deleteNamed(
  context: ServiceContext,
  body: Buffer,
  { durability }: CallTerms,
): Promise<string> {
  await context.cache.delete(parseDeletePattern(decodeText(body, "the name")), durability);
  return "OK";
}

const COLON = 0x3a;

/** `NAME:BASE64`, split at the last colon: base64 has none, a name may. */
function splitValue(body: Buffer): { name: string; value: Buffer } {
  const colon = body.lastIndexOf(COLON);
  if (colon < 0) throw new CacheError("INVALID_REQUEST", "the action's body is NAME:BASE64");
  return {
    name: decodeText(body.subarray(0, colon), "the name"),
    value: decodeBase64(body.toString("latin1", colon + 1)),
  };
}

function decodeBase64(text: string): Buffer {
  const value = Buffer.from(text, "base64");
  // Node passes over what is no base64; a value that does not come back as it was sent had some.
  const unpadded = text.replace(/=+$/, "");
  if (Math.ceil((value.length * 4) / 3) !== unpadded.length) {
    throw new CacheError("INVALID_REQUEST", "the value is not base64");
  }
  return value;
}
