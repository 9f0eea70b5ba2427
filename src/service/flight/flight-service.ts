/**
 * The method table of the server: every Flight method and the health service, by path.
 *
 * Each handler is wrapped once, so that every call is logged at debug, with the facts of its error
 * if it fails. Methods that the cache does not offer answer UNIMPLEMENTED.
 */
import { CacheError } from "../../errors.ts";
import { decodeHealthRequest, encodeHealthResponse } from "../../flight/health.ts";
import { FLIGHT_METHODS, FLIGHT_SERVICE, HEALTH_METHODS } from "../../flight/methods.ts";
import type { CallHandler, MethodTable, ServerCall } from "../../grpc/call.ts";
import { singleRequest, unary } from "../../grpc/unary.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { ServiceContext } from "../service-context.ts";
import { doAction, listActions } from "./actions.ts";
import { doGet } from "./do-get.ts";
import { doPut } from "./do-put.ts";
import { getFlightInfo, getSchema } from "./flight-info.ts";
import { listFlights } from "./list-flights.ts";

const log = logFor("flight");

/** Handles a call with one request and any number of answers. */
type StreamingAnswer = (request: Buffer, call: ServerCall) => Promise<void>;

export function buildMethods(context: ServiceContext): MethodTable {
  const notOffered: CallHandler = () => Promise.reject(new CacheError("NOT_IMPLEMENTED"));
  const handlers: [string, CallHandler][] = [
    [FLIGHT_METHODS.DoPut.path, (call) => doPut(context, call)],
    [FLIGHT_METHODS.DoGet.path, streaming((request, call) => doGet(context, request, call))],
    [FLIGHT_METHODS.DoAction.path, (call) => doAction(context, call)],
    [FLIGHT_METHODS.ListActions.path, streaming((_request, call) => listActions(call))],
    [FLIGHT_METHODS.ListFlights.path, streaming((request, call) => listFlights(context, request, call))],
    [FLIGHT_METHODS.GetFlightInfo.path, unary((request, call) => getFlightInfo(context, request, call))],
    [FLIGHT_METHODS.GetSchema.path, unary((request, call) => getSchema(context, request, call))],
    [FLIGHT_METHODS.Handshake.path, notOffered],
    [FLIGHT_METHODS.DoExchange.path, notOffered],
    [FLIGHT_METHODS.PollFlightInfo.path, notOffered],
    [HEALTH_METHODS.Check.path, unary((request) => checkHealth(context, request))],
    [HEALTH_METHODS.Watch.path, streaming((request, call) => watchHealth(context, request, call))],
  ];
  return new Map(handlers.map(([path, handler]) => [path, logged(handler)]));
}

function streaming(answer: StreamingAnswer): CallHandler {
  return async (call) => answer(await singleRequest(call, LIMITS.requestBytesMax), call);
}

/**
 * Logs one debug line for each call: method, peer, key, bytes, time and code. Below debug it costs
 * only the check of the level.
 */
function logged(handler: CallHandler): CallHandler {
  return async (call) => {
    if (!log.isEnabled("debug")) return await handler(call);
    call.facts = {};
    const startedMs = performance.now();
    try {
      await handler(call);
      logCall(call, startedMs, undefined);
    } catch (error) {
      logCall(call, startedMs, error);
      throw error;
    }
  };
}

function logCall(call: ServerCall, startedMs: number, failure: unknown): void {
  const fields = {
    method: call.path.slice(call.path.lastIndexOf("/") + 1),
    peer: call.peer,
    bytes: call.movedBytes,
    ...call.facts,
    durationMs: Math.round((performance.now() - startedMs) * 1000) / 1000,
  };
  if (failure === undefined) log.debug("call", { ...fields, code: "OK" });
  else if (failure instanceof CacheError) {
    log.debug("call refused", { ...fields, code: failure.code, reason: failure.message, ...failure.facts });
  } else log.debug("call failed", { ...fields, code: "INTERNAL" });
}

function isServed(service: string): boolean {
  return service === "" || service === FLIGHT_SERVICE;
}

async function checkHealth(context: ServiceContext, request: Buffer): Promise<Uint8Array> {
  if (!isServed(decodeHealthRequest(request))) throw new CacheError("OBJECT_NOT_FOUND", "no such service");
  return encodeHealthResponse(context.stopping.aborted ? "notServing" : "serving");
}

/** Answers and stays open: the health of a running server does not change until it stops. */
async function watchHealth(context: ServiceContext, request: Buffer, call: ServerCall): Promise<void> {
  call.mayIdle();
  const status = isServed(decodeHealthRequest(request)) ? "serving" : "serviceUnknown";
  await call.write([encodeHealthResponse(status)]);
  await firstAbort(call.signal, context.stopping);
  call.signal.throwIfAborted();
  if (status === "serving") await call.write([encodeHealthResponse("notServing")]);
}

function firstAbort(...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      for (const signal of signals) signal.removeEventListener("abort", end);
      resolve();
    };
    for (const signal of signals) signal.addEventListener("abort", end);
    if (signals.some((signal) => signal.aborted)) end();
  });
}
