/**
 * DoAction and ListActions: one table of actions, each a name, a description and what it does.
 *
 * A new action is a new row here.
 */

import { CacheError } from "../errors.ts";
import { CANCEL_FLIGHT_INFO, RENEW_FLIGHT_ENDPOINT } from "../flight/lifetime-messages.ts";
import { encodeActionType, encodeResult } from "../flight/messages.ts";
import { bytesOf, decodeText } from "../flight/text.ts";
import type { IncomingMessage, ServerCall } from "../grpc/call.ts";
import { LIMITS } from "../limits.ts";
import { type CallTerms, callTerms } from "./call-terms.ts";
import { readAction } from "./incoming-action.ts";
import { parseDeletePattern } from "./key-pattern.ts";
import { cancelFlight, expireNamed, pinNamed, renewEndpoint, unpinNamed } from "./retention-actions.ts";
import type { ServiceContext } from "./service-context.ts";
import { putValue, updateValue } from "./value-action.ts";

type RunAction<Body> = (
  context: ServiceContext,
  body: Body,
  terms: CallTerms,
) => Promise<string | Uint8Array>;

interface ActionRow {
  readonly description: string;
  /** Judged before a byte of the body is kept. */
  readonly bodyBytesMax: number;
  readonly run: RunAction<IncomingMessage>;
}

export const ACTIONS: Readonly<Record<string, ActionRow>> = {
  PUT: {
    description:
      "app/session:BASE64 stores an opaque value under an object id that the server makes; answers JSON",
    bodyBytesMax: LIMITS.valueActionBytesMax,
    run: putValue,
  },
  UPDATE: {
    description: "app/session/object:BASE64 stores an opaque value under this key; answers JSON",
    bodyBytesMax: LIMITS.valueActionBytesMax,
    run: updateValue,
  },
  DELETE: {
    description:
      "app/session/object, app/session or app/* deletes what it names; answers OK, also when nothing matched",
    ...collected(LIMITS.namedActionBytesMax, deleteNamed),
  },
  PIN: {
    description:
      'keeps from eviction what a name as for DELETE stands for, or for a time: {"key": NAME, "ttl_seconds": N}; answers JSON',
    ...collected(LIMITS.namedActionBytesMax, pinNamed),
  },
  UNPIN: {
    description: "ends the pin that was set under this name; answers OK, also when there was none",
    ...collected(LIMITS.namedActionBytesMax, unpinNamed),
  },
  EXPIRE: {
    description:
      '{"key": NAME, "ttl_seconds": N or null} says how long an object, or each object of a session or application, may live; answers JSON',
    ...collected(LIMITS.namedActionBytesMax, expireNamed),
  },
  [RENEW_FLIGHT_ENDPOINT]: {
    description:
      "takes a RenewFlightEndpointRequest, extends the expiration time of its endpoint and answers the FlightEndpoint",
    ...collected(LIMITS.requestBytesMax, renewEndpoint),
  },
  [CANCEL_FLIGHT_INFO]: {
    description:
      "takes a CancelFlightInfoRequest, drops the objects of its FlightInfo and answers a CancelFlightInfoResult",
    ...collected(LIMITS.cancelActionBytesMax, cancelFlight),
  },
};

/** An action that needs its body whole. */
function collected(bodyBytesMax: number, run: RunAction<Buffer>): Omit<ActionRow, "description"> {
  return {
    bodyBytesMax,
    run: async (context, body, terms) => await run(context, await body.collect(bodyBytesMax), terms),
  };
}

export async function doAction(context: ServiceContext, call: ServerCall): Promise<void> {
  const { type, body } = await readAction(call);
  if (call.facts !== undefined) call.facts.action = type;
  const action = Object.hasOwn(ACTIONS, type) ? ACTIONS[type] : undefined;
  if (action === undefined) {
    throw new CacheError("UNKNOWN_ACTION", `there are ${Object.keys(ACTIONS).join(", ")}`);
  }
  if (body.sizeBytes > action.bodyBytesMax) {
    throw new CacheError("OBJECT_TOO_LARGE", `the body of ${type} is over ${action.bodyBytesMax} bytes`, {
      facts: { sizeBytes: body.sizeBytes },
    });
  }
  const answer = await action.run(context, body, callTerms(context, call));
  await call.write([encodeResult(bytesOf(answer))]);
}

export async function listActions(call: ServerCall): Promise<void> {
  for (const [type, { description }] of Object.entries(ACTIONS)) {
    await call.write([encodeActionType({ type, description })]);
  }
}

async function deleteNamed(
  context: ServiceContext,
  body: Buffer,
  { durability, facts }: CallTerms,
): Promise<string> {
  const name = decodeText(body, "the name");
  if (facts !== undefined) facts.key = name;
  const deleted = await context.cache.delete(parseDeletePattern(name), durability);
  if (facts !== undefined) facts.deleted = deleted;
  return "OK";
}
