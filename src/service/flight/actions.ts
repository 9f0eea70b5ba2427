/**
 * DoAction and ListActions: one table of actions. A row has the name, the description and the
 * function of an action.
 *
 * A new action is a new row here.
 */
import type { AccessControl } from "../../access/access-control.ts";
import type { AccessVerb } from "../../access/access-policy.ts";
import { authorize } from "../../access/guarded-cache.ts";
import { CacheError } from "../../errors.ts";
import { CANCEL_FLIGHT_INFO, RENEW_FLIGHT_ENDPOINT } from "../../flight/lifetime-messages.ts";
import { encodeActionType, encodeResult } from "../../flight/messages.ts";
import { bytesOf, decodeText } from "../../flight/text.ts";
import type { IncomingMessage, ServerCall } from "../../grpc/call.ts";
import { LIMITS } from "../../limits.ts";
import { parseDeletePattern } from "../key-pattern.ts";
import type { ServiceContext } from "../service-context.ts";
import { type CallTerms, callTerms } from "./call-terms.ts";
import { readAction } from "./incoming-action.ts";
import { type AnswerStream, followLog, statsOfServer, topOfCache, whyNamed } from "./observing-actions.ts";
import { cancelFlight, expireNamed, pinNamed, renewEndpoint, unpinNamed } from "./retention-actions.ts";
import { putValue, updateValue } from "./value-action.ts";

type RunAction<Body> = (
  context: ServiceContext,
  body: Body,
  terms: CallTerms,
) => Promise<string | Uint8Array | AnswerStream>;

interface ActionRow {
  /** The verb that the caller needs on what the body names; `admin` is checked here. */
  readonly access: AccessVerb;
  readonly description: string;
  /** Checked before any byte of the body is kept. */
  readonly bodyBytesMax: number;
  readonly run: RunAction<IncomingMessage>;
}

export const ACTIONS: Readonly<Record<string, ActionRow>> = {
  PUT: {
    access: "put",
    description:
      "app/session:BASE64 stores an opaque value under an object id that the server generates; answers JSON",
    bodyBytesMax: LIMITS.valueActionBytesMax,
    run: putValue,
  },
  UPDATE: {
    access: "put",
    description: "app/session/object:BASE64 stores an opaque value under this key; answers JSON",
    bodyBytesMax: LIMITS.valueActionBytesMax,
    run: updateValue,
  },
  DELETE: {
    access: "delete",
    description:
      "app/session/object, app/session or app/* deletes the matching objects; answers OK even if there are none",
    ...collected(LIMITS.namedActionBytesMax, deleteNamed),
  },
  PIN: {
    access: "put",
    description:
      'protects the objects of a name from eviction; {"key": NAME, "ttl_seconds": N} limits the time; names as for DELETE; answers JSON',
    ...collected(LIMITS.namedActionBytesMax, pinNamed),
  },
  UNPIN: {
    access: "put",
    description: "removes the pin with this name; answers OK even if there is none",
    ...collected(LIMITS.namedActionBytesMax, unpinNamed),
  },
  EXPIRE: {
    access: "put",
    description:
      '{"key": NAME, "ttl_seconds": N or null} sets the time to live of an object, or of each object of a session or application; answers JSON',
    ...collected(LIMITS.namedActionBytesMax, expireNamed),
  },
  [RENEW_FLIGHT_ENDPOINT]: {
    access: "put",
    description:
      "takes a RenewFlightEndpointRequest, extends the expiration time of its endpoint and answers with the FlightEndpoint",
    ...collected(LIMITS.requestBytesMax, renewEndpoint),
  },
  [CANCEL_FLIGHT_INFO]: {
    access: "delete",
    description:
      "takes a CancelFlightInfoRequest, deletes the objects of its FlightInfo and answers with a CancelFlightInfoResult",
    ...collected(LIMITS.cancelActionBytesMax, cancelFlight),
  },
  WHY: {
    access: "list",
    description: "app/session/object: why the object is here, or why it is gone; answers JSON",
    ...collected(LIMITS.namedActionBytesMax, whyNamed),
  },
  STATS: {
    access: "admin",
    description: "what the server holds and does, and its bounds; answers JSON",
    ...collected(LIMITS.namedActionBytesMax, statsOfServer),
  },
  TOP: {
    access: "admin",
    description: "the keys that are read most, the largest sessions and applications; answers JSON",
    ...collected(LIMITS.namedActionBytesMax, topOfCache),
  },
  LOG: {
    access: "admin",
    description: "LEVEL follows the log from this level on; answers one JSON object for each line",
    ...collected(LIMITS.namedActionBytesMax, followLog),
  },
};

/** Builds the row of an action that needs its complete body. */
function collected(bodyBytesMax: number, run: RunAction<Buffer>): Pick<ActionRow, "bodyBytesMax" | "run"> {
  return {
    bodyBytesMax,
    run: async (context, body, terms) => await run(context, await body.collect(bodyBytesMax), terms),
  };
}

export async function doAction(
  context: ServiceContext,
  call: ServerCall,
  access: AccessControl,
): Promise<void> {
  const { type, body } = await readAction(call);
  if (call.facts !== undefined) call.facts.action = type;
  const action = Object.hasOwn(ACTIONS, type) ? ACTIONS[type] : undefined;
  if (action === undefined) {
    throw new CacheError("UNKNOWN_ACTION", `known actions: ${Object.keys(ACTIONS).join(", ")}`);
  }
  call.action = type;
  if (body.sizeBytes > action.bodyBytesMax) {
    throw new CacheError("OBJECT_TOO_LARGE", `the body of ${type} is over ${action.bodyBytesMax} bytes`, {
      facts: { sizeBytes: body.sizeBytes },
    });
  }
  if (action.access === "admin") authorize(context.identity, "admin", { scope: "all" });
  const answer = await action.run(context, body, callTerms(context, call));
  if (typeof answer === "function") return await answer(call, access);
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
  { durability, actor, facts }: CallTerms,
): Promise<string> {
  const name = decodeText(body, "the name");
  if (facts !== undefined) facts.key = name;
  const deleted = await context.cache.delete(parseDeletePattern(name), durability, { actor });
  if (facts !== undefined) facts.deleted = deleted;
  return "OK";
}
