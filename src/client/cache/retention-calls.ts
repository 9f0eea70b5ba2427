/**
 * How long objects stay, as a client asks for it: the header of a put, and the actions about pins and times to live.
 */
import { CacheError } from "../../errors.ts";
import { decodeEndpoint, encodeRenewRequest, RENEW_FLIGHT_ENDPOINT } from "../../flight/lifetime-messages.ts";
import { formatTicket } from "../../flight/ticket.ts";
import type { FlightCallOptions, FlightClient } from "../flight/flight-client.ts";
import type { OperationOptions } from "./repeat-call.ts";

export interface PutOptions extends OperationOptions {
  /**
   * How long the object may be served from when it is stored, seconds, to 0.001; 0: without end. Without it the rule of its session or
   * application holds, if there is one; with a patch it holds for the whole object from then on.
   */
  readonly ttlSeconds?: number | undefined;
}

export interface PinOptions extends OperationOptions {
  /** Seconds until the pin ends by itself; without it, it lasts until `unpin`. */
  readonly ttlSeconds?: number | undefined;
}

export interface RenewOptions extends OperationOptions {
  /** Until when at least; without it as long again as the object was given before. */
  readonly until?: Date | undefined;
}

/** The options of a put's call. @throws {CacheError} INVALID_REQUEST */
export function putCall(call: FlightCallOptions, options: PutOptions | undefined): FlightCallOptions {
  const seconds = options?.ttlSeconds;
  if (seconds === undefined) return call;
  return { ...call, metadata: { ...call.metadata, "flame-ttl-seconds": checkSeconds(seconds).toFixed(3) } };
}

/** @returns until when; undefined: until `unpin`. */
export async function pinNamed(
  client: FlightClient,
  key: string,
  seconds: number | undefined,
  call: FlightCallOptions,
): Promise<Date | undefined> {
  const body = JSON.stringify({ key, ttl_seconds: seconds === undefined ? null : checkSeconds(seconds) });
  return endOf(await answerOf(client, "PIN", body, call));
}

export async function unpinNamed(client: FlightClient, key: string, call: FlightCallOptions): Promise<void> {
  await answerOf(client, "UNPIN", JSON.stringify({ key }), call);
}

/** @returns until when what is there may be served; undefined: it has no end. */
export async function expireNamed(
  client: FlightClient,
  key: string,
  seconds: number | undefined,
  call: FlightCallOptions,
): Promise<Date | undefined> {
  const body = JSON.stringify({ key, ttl_seconds: seconds === undefined ? null : checkSeconds(seconds) });
  return endOf(await answerOf(client, "EXPIRE", body, call));
}

/** @returns until when the object may be served; undefined: it has no end. */
export async function renewObject(
  client: FlightClient,
  key: string,
  until: Date | undefined,
  call: FlightCallOptions,
): Promise<Date | undefined> {
  const expirationTime = until === undefined ? {} : { expirationTime: until };
  const request = encodeRenewRequest({ ticket: formatTicket(key, 0), locations: [], ...expirationTime });
  return decodeEndpoint(await answerOf(client, RENEW_FLIGHT_ENDPOINT, request, call)).expirationTime;
}

async function answerOf(
  client: FlightClient,
  action: string,
  body: string | Uint8Array,
  call: FlightCallOptions,
): Promise<Buffer> {
  let first: Buffer | undefined;
  for await (const answer of client.doAction(action, body, call)) first ??= answer;
  if (first === undefined) throw new CacheError("INVALID_REQUEST", `the server did not answer ${action}`);
  return first;
}

function endOf(answer: Buffer): Date | undefined {
  const until = untilOf(answer);
  if (until === null) return undefined;
  const end = new Date(typeof until === "string" ? until : Number.NaN);
  if (!Number.isNaN(end.getTime())) return end;
  throw new CacheError("INVALID_REQUEST", "the server's answer does not say until when");
}

function untilOf(answer: Buffer): unknown {
  try {
    return (JSON.parse(answer.toString()) as { readonly until?: unknown } | null)?.until;
  } catch (cause) {
    throw new CacheError("INVALID_REQUEST", "the server's answer is no JSON", { cause });
  }
}

function checkSeconds(seconds: number): number {
  if (Number.isFinite(seconds) && seconds >= 0) return seconds;
  throw new CacheError("INVALID_REQUEST", "ttlSeconds must be a number of at least 0");
}
