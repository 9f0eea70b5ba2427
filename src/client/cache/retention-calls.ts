/**
 * The client's calls about how long objects are kept: the header of a put, and the actions for pins
 * and times to live.
 *
 * Answers are checked; their times become Dates.
 */
import { CacheError } from "../../errors.ts";
import { decodeEndpoint, encodeRenewRequest, RENEW_FLIGHT_ENDPOINT } from "../../flight/lifetime-messages.ts";
import { formatTicket } from "../../flight/ticket.ts";
import type { FlightCallOptions, FlightClient } from "../flight/flight-client.ts";
import type { OperationOptions } from "./repeat-call.ts";

export interface PutOptions extends OperationOptions {
  /**
   * Time to live from the put, in seconds, with a resolution of 0.001; 0: unlimited. Absent: the
   * rule of the session or application applies, if there is one. A patch sets it for the whole
   * object.
   */
  readonly ttlSeconds?: number | undefined;
}

export interface PinOptions extends OperationOptions {
  /** Seconds until the pin ends; absent: it holds until `unpin`. */
  readonly ttlSeconds?: number | undefined;
}

export interface RenewOptions extends OperationOptions {
  /** The earliest new end; absent: the object gets its previous time to live again. */
  readonly until?: Date | undefined;
}

/** Adds the lifetime to the options of a put. @throws {CacheError} INVALID_REQUEST */
export function putCall(call: FlightCallOptions, options: PutOptions | undefined): FlightCallOptions {
  const seconds = options?.ttlSeconds;
  if (seconds === undefined) return call;
  return { ...call, metadata: { ...call.metadata, "flame-ttl-seconds": checkSeconds(seconds).toFixed(3) } };
}

/** @returns the end of the pin; undefined: until `unpin`. */
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

/** @returns when the present objects expire; undefined: never. */
export async function expireNamed(
  client: FlightClient,
  key: string,
  seconds: number | undefined,
  call: FlightCallOptions,
): Promise<Date | undefined> {
  const body = JSON.stringify({ key, ttl_seconds: seconds === undefined ? null : checkSeconds(seconds) });
  return endOf(await answerOf(client, "EXPIRE", body, call));
}

/** @returns when the object expires; undefined: never. */
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
  throw new CacheError("INVALID_REQUEST", "the server's answer has no end time");
}

function untilOf(answer: Buffer): unknown {
  try {
    return (JSON.parse(answer.toString()) as { readonly until?: unknown } | null)?.until;
  } catch (cause) {
    throw new CacheError("INVALID_REQUEST", "the server's answer is not JSON", { cause });
  }
}

function checkSeconds(seconds: number): number {
  if (Number.isFinite(seconds) && seconds >= 0) return seconds;
  throw new CacheError("INVALID_REQUEST", "ttlSeconds must be a number of at least 0");
}
