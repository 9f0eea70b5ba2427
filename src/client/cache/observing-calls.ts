/**
 * The client's calls for operators: why an object is here or gone, what the server holds and does,
 * what is read most, and its log.
 *
 * Answers are JSON; only the fields that a caller depends on are checked.
 */
import { CacheError } from "../../errors.ts";
import type { FlightCallOptions, FlightClient } from "../flight/flight-client.ts";

/** One event in the life of an object; null: unknown. */
export interface WhyEvent {
  /** ISO 8601. */
  readonly at: string | null;
  readonly event: string;
  readonly name: string;
  readonly version: number | null;
  readonly by: string | null;
  readonly cause: string | null;
  readonly bytes: number | null;
}

export interface WhyAnswer {
  readonly key: string;
  readonly present: boolean;
  /** One sentence. */
  readonly answer: string;
  /** The newest first. */
  readonly events: readonly WhyEvent[];
}

export interface TopGroup {
  readonly name: string;
  readonly objects: number;
  readonly data_bytes: number;
}

export interface TopAnswer {
  /** False: the server counts no objects, so `sessions` and `applications` are empty. */
  readonly counted?: boolean;
  readonly keys: readonly {
    readonly key: string;
    readonly gets: number;
    readonly gets_per_second: number;
  }[];
  readonly sessions: readonly TopGroup[];
  readonly applications: readonly TopGroup[];
}

type JsonObject = Readonly<Record<string, unknown>>;

/** @throws {CacheError | GrpcError} the server's error, such as PERMISSION_DENIED */
export async function whyNamed(
  client: FlightClient,
  key: string,
  call: FlightCallOptions,
): Promise<WhyAnswer> {
  const answer = await jsonAnswer(client, { action: "WHY", body: key }, call);
  if (typeof answer.answer !== "string" || !Array.isArray(answer.events)) throw malformed("WHY");
  return answer as unknown as WhyAnswer;
}

/** The numbers of the server, as `/v1/admin/stats` answers them. */
export async function fetchStats(client: FlightClient, call: FlightCallOptions): Promise<JsonObject> {
  return await jsonAnswer(client, { action: "STATS", body: "" }, call);
}

export async function fetchTop(client: FlightClient, call: FlightCallOptions): Promise<TopAnswer> {
  const answer = await jsonAnswer(client, { action: "TOP", body: "" }, call);
  const { keys, sessions, applications } = answer;
  if (![keys, sessions, applications].every(Array.isArray)) throw malformed("TOP");
  return answer as unknown as TopAnswer;
}

/** Lines of the server's log, each a JSON object, until the call is cancelled. */
export async function* followLog(
  client: FlightClient,
  level: string,
  call: FlightCallOptions,
): AsyncGenerator<JsonObject, void, void> {
  for await (const line of client.doAction("LOG", level, call)) yield parseObject(line, "LOG");
}

interface Question {
  readonly action: string;
  readonly body: string;
}

async function jsonAnswer(
  client: FlightClient,
  { action, body }: Question,
  call: FlightCallOptions,
): Promise<JsonObject> {
  let first: Buffer | undefined;
  for await (const answer of client.doAction(action, body, call)) first ??= answer;
  if (first === undefined) throw malformed(action);
  return parseObject(first, action);
}

function parseObject(bytes: Buffer, action: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch (cause) {
    throw malformed(action, cause);
  }
  if (typeof value !== "object" || value === null) throw malformed(action);
  return value as JsonObject;
}

function malformed(action: string, cause?: unknown): CacheError {
  return new CacheError("INVALID_REQUEST", `the server's answer to ${action} cannot be read`, { cause });
}
