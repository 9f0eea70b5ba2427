/**
 * Gets an object in the cheapest way, for a client that may already hold an older version of it.
 *
 *     held, current              the server answers "not modified" and sends nothing
 *     held, patched since        the server sends only the patches
 *     large, server on this host the server names the object's file, and the client reads it
 *     otherwise                  the server sends everything
 */
import { CacheError, isCacheError } from "../../errors.ts";
import { formatTicket } from "../../flight/ticket.ts";
import { LIMITS } from "../../limits.ts";
import type { FlightCallOptions, FlightClient } from "../flight/flight-client.ts";
import type { HeldObject, HeldObjects } from "./held-objects.ts";
import { readLocalObject } from "./local/local-object.ts";
import type { ObjectTarget } from "./object-target.ts";
import { type AnswerRow, type ObjectAnswer, readAnswer } from "./read-answer.ts";
import type { Route } from "./route.ts";

/** Lets the server answer with the location of the object's file, from this many bytes on. */
const FILE_LOCATIONS = { "flame-file-locations": String(LIMITS.localFileBytesMin) } as const;
const AT_LEAST_HEADER = "flame-at-least-version";

export interface FetchContext {
  readonly client: FlightClient;
  readonly route: Pick<Route, "get">;
  readonly held: HeldObjects;
  /** False if the server is on another host, or if its files must not be opened. */
  readonly readsFiles: boolean;
  /** Maximum bytes to collect of an object. */
  readonly objectBytesMax: number;
  /** An object of this version or a later one will do. Absent: the current object. */
  readonly atLeastVersion?: number | undefined;
}

export interface FetchedObject {
  readonly object: HeldObject;
  /** True if the client keeps the bytes, so that no value may share them. */
  readonly shared: boolean;
}

/**
 * @throws {CacheError} OBJECT_NOT_FOUND; other errors of the server; INVALID_IPC; UNREADABLE_VALUE
 *   for compressed values
 */
export async function fetchObject(
  context: FetchContext,
  target: ObjectTarget,
  options: FlightCallOptions,
): Promise<FetchedObject> {
  const { held, client } = context;
  const { endpoint, key } = target;
  // After a restart the server may count versions from 1 again.
  if (client.hasLostGets) held.dropEndpoint(endpoint);
  const older = held.find(endpoint, key);
  try {
    const fetched = await fetchFrom(context, target, { older, options });
    if (fetched === older) return { object: fetched, shared: true };
    return { object: fetched, shared: held.hold(endpoint, key, fetched) };
  } catch (error) {
    if (isCacheError(error, "OBJECT_NOT_FOUND")) held.drop(endpoint, key);
    if (isCacheError(error, "UNREACHABLE")) held.dropEndpoint(endpoint);
    throw error;
  }
}

interface Fetch {
  readonly older: HeldObject | undefined;
  readonly options: FlightCallOptions;
}

async function fetchFrom(context: FetchContext, target: ObjectTarget, fetch: Fetch): Promise<HeldObject> {
  const { client, route, readsFiles, objectBytesMax, atLeastVersion } = context;
  const { older, options } = fetch;
  const ticket = formatTicket(target.key, older?.version ?? 0);
  const metadata = {
    ...(readsFiles && FILE_LOCATIONS),
    ...(atLeastVersion !== undefined && { [AT_LEAST_HEADER]: String(atLeastVersion) }),
  };
  const answer = await readAnswer(route.get(client, ticket, { ...options, metadata }), objectBytesMax);
  if (answer.kind === "file") {
    if (!readsFiles) throw new CacheError("INVALID_IPC", "the answer names a file, which was not asked for");
    const { signal } = options;
    const local = await readLocalObject(answer.uri, target.key, { signal, bytesMax: objectBytesMax });
    return local ?? (await fetchFrom({ ...context, readsFiles: false }, target, fetch));
  }
  const object = joinAnswer(older, answer);
  if (object !== undefined) return object;
  // The patches do not follow the held version: the object was replaced meanwhile. Gets everything.
  if (older === undefined) throw new CacheError("INVALID_IPC", "the answer has no base");
  return await fetchFrom(context, target, { options, older: undefined });
}

/** Joins the held object and an answer; undefined if the answer does not follow it. */
export function joinAnswer(older: HeldObject | undefined, answer: ObjectAnswer): HeldObject | undefined {
  if (answer.kind === "table") return answer;
  const [first] = answer.rows;
  if (first === undefined) return older;
  if (first.kind === "base") {
    const { version, data: base } = first;
    return withPatches({ kind: "opaque", version, base, patches: [] }, answer.rows.slice(1));
  }
  return older?.kind === "opaque" ? withPatches(older, answer.rows) : undefined;
}

function withPatches(
  older: HeldObject & { readonly kind: "opaque" },
  rows: readonly AnswerRow[],
): HeldObject | undefined {
  const follow = rows.every(({ version, kind }, index) => {
    return kind === "patch" && version === older.version + 1 + index;
  });
  if (!follow) return undefined;
  const patches = [...older.patches, ...rows.map(({ data }) => data)];
  return { ...older, version: older.version + rows.length, patches };
}
