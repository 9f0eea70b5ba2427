/**
 * The method table of the server, by path: Flight, health and reflection.
 *
 * Each handler is wrapped once: the caller is identified before the handler runs, and the handler
 * gets the cache as this caller may use it. Every call is counted and measured, and logged at debug,
 * with the facts of its error if it fails; every denied call is logged at warn. Methods that the
 * cache does not offer answer UNIMPLEMENTED.
 */
import { type AccessControl, OPEN_ACCESS } from "../../access/access-control.ts";
import type { AccessVerb } from "../../access/access-policy.ts";
import { CacheError, type ErrorFacts, isCacheError } from "../../errors.ts";
import { FLIGHT_METHODS, HEALTH_METHODS, type Method, REFLECTION_METHODS } from "../../flight/methods.ts";
import type { CallHandler, MethodTable, ServerCall } from "../../grpc/call.ts";
import { singleRequest } from "../../grpc/single-request.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { ActionMetrics, type CallMetrics, codeOfFailure } from "../../metrics/call-metrics.ts";
import type { ServiceContext } from "../service-context.ts";
import { doAction, listActions } from "./actions.ts";
import { doGet } from "./do-get.ts";
import { doPut } from "./do-put.ts";
import { getFlightInfo, getSchema } from "./flight-info.ts";
import { credentialsOf, handshake } from "./handshake.ts";
import { checkHealth, watchHealth } from "./health.ts";
import { listFlights } from "./list-flights.ts";
import { reflect } from "./reflect.ts";

const log = logFor("flight");

/** Handles a call with the context of its caller. */
type Handle = (context: ServiceContext, call: ServerCall, access: AccessControl) => Promise<void>;
/** Handles a call with one request and any number of answers. */
type HandleOne = (context: ServiceContext, request: Buffer, call: ServerCall) => Promise<void>;
/** Handles a call with one request and one answer. */
type HandleUnary = (context: ServiceContext, request: Buffer, call: ServerCall) => Promise<Uint8Array>;

export interface MethodRow {
  /**
   * The verbs that its calls need; the object decides which. `public`: the caller is not identified.
   */
  readonly access: readonly AccessVerb[] | "public";
  readonly handle: Handle;
}

/** Every method has its row here: one that is missing is a type error. */
export const FLIGHT_ROWS: Readonly<Record<keyof typeof FLIGHT_METHODS, MethodRow>> = {
  DoPut: { access: ["put", "patch"], handle: doPut },
  DoGet: { access: ["get"], handle: one(doGet) },
  DoAction: { access: ["put", "delete", "list", "admin"], handle: doAction },
  ListActions: { access: [], handle: one((_context, _request, call) => listActions(call)) },
  ListFlights: { access: ["list"], handle: one(listFlights) },
  GetFlightInfo: { access: ["get"], handle: unaryOf(getFlightInfo) },
  GetSchema: { access: ["get"], handle: unaryOf(getSchema) },
  Handshake: { access: "public", handle: (_context, call, access) => handshake(call, access) },
  DoExchange: { access: [], handle: notOffered },
  PollFlightInfo: { access: [], handle: notOffered },
};

const HEALTH_ROWS: Readonly<Record<keyof typeof HEALTH_METHODS, MethodRow>> = {
  Check: { access: "public", handle: unaryOf(checkHealth) },
  Watch: { access: "public", handle: one(watchHealth) },
};

const REFLECTION_ROWS: Readonly<Record<keyof typeof REFLECTION_METHODS, MethodRow>> = {
  v1: { access: "public", handle: reflect },
  v1alpha: { access: "public", handle: reflect },
};

/** @param context of callers who may do everything */
export function buildMethods(context: ServiceContext, access: AccessControl = OPEN_ACCESS): MethodTable {
  const methods = new Map<string, CallHandler>();
  const add = (
    paths: Readonly<Record<string, Method>>,
    rows: Readonly<Record<string, MethodRow>>,
    prefix = "",
  ): void => {
    for (const [name, { path }] of Object.entries(paths)) {
      const handling = identified(rows[name]!, context, access);
      const handler = context.tracing?.traced(handling, path) ?? handling;
      methods.set(path, measured(handler, context.calls, `${prefix}${name}`));
    }
  };
  add(FLIGHT_METHODS, FLIGHT_ROWS);
  add(HEALTH_METHODS, HEALTH_ROWS, "Health/");
  add(REFLECTION_METHODS, REFLECTION_ROWS, "Reflection/");
  return methods;
}

function notOffered(): Promise<never> {
  return Promise.reject(new CacheError("NOT_IMPLEMENTED"));
}

function one(handle: HandleOne): Handle {
  return async (context, call) =>
    await handle(context, await singleRequest(call, LIMITS.requestBytesMax), call);
}

function unaryOf(handle: HandleUnary): Handle {
  return async (context, call) => {
    const request = await singleRequest(call, LIMITS.requestBytesMax);
    await call.write([await handle(context, request, call)]);
  };
}

/** Calls the handler with the context of the call's caller. */
function identified(row: MethodRow, context: ServiceContext, access: AccessControl): CallHandler {
  const { handle } = row;
  if (row.access === "public" || !access.isOn) return (call) => handle(context, call, access);
  return async (call) => {
    const found = access.identify(credentialsOf(call));
    const identity = found instanceof Promise ? await found : found;
    try {
      await handle(context.of(identity), call, access);
    } catch (error) {
      if (isCacheError(error)) noteRefusal(call, error);
      if (isCacheError(error, "QUOTA_EXCEEDED")) await context.quotas.delayRefusal();
      throw error;
    }
  };
}

/** Logs a denied call, and says when to repeat one that is over a rate. */
function noteRefusal(call: ServerCall, { code, facts }: CacheError): void {
  if (code === "PERMISSION_DENIED") logDenial(call, facts);
  const { retryAfterMs } = facts;
  if (code === "QUOTA_EXCEEDED" && retryAfterMs !== undefined)
    call.setTrailer("grpc-retry-pushback-ms", String(retryAfterMs));
}

function logDenial({ path, peer }: ServerCall, facts: ErrorFacts): void {
  log.warn("call denied", { method: methodName(path), peer, ...facts });
}

function methodName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/**
 * Counts and measures each call, by method or by `method/action`, and logs a debug line: method,
 * peer, key, bytes, time and code. Below debug the line costs only the check of the level.
 */
function measured(handler: CallHandler, calls: CallMetrics, name: string): CallHandler {
  const metrics = new ActionMetrics(calls, name);
  return async (call) => {
    if (log.isEnabled("debug")) call.facts = {};
    const startedMs = performance.now();
    try {
      await handler(call);
      metrics.of(call.action).ended(performance.now() - startedMs, "OK");
      if (call.facts !== undefined) logCall(call, startedMs, undefined);
    } catch (error) {
      metrics.of(call.action).ended(performance.now() - startedMs, codeOfFailure(error));
      if (call.facts !== undefined) logCall(call, startedMs, error);
      throw error;
    }
  };
}

function logCall(call: ServerCall, startedMs: number, failure: unknown): void {
  const fields = {
    method: methodName(call.path),
    peer: call.peer,
    bytes: call.traffic.receivedBytes + call.traffic.sentBytes,
    ...call.facts,
    durationMs: Math.round((performance.now() - startedMs) * 1000) / 1000,
  };
  if (failure === undefined) log.debug("call", { ...fields, code: "OK" });
  else if (failure instanceof CacheError) {
    log.debug("call refused", { ...fields, code: failure.code, reason: failure.message, ...failure.facts });
  } else log.debug("call failed", { ...fields, code: "INTERNAL" });
}
