/**
 * Gets an object in the cheapest way, for a client that may already hold an older version of it.
 *
 *     held, current              the server answers "not modified" and sends nothing
 *     held, patched since        the server sends only the patches
 *     server on this host        the client asks for the object's file and reads it, without a transfer
 *     otherwise                  the server sends everything
 */
import { CacheError, isCacheError } from "../../errors.ts";
import { formatTicket } from "../../flight/ticket.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { FlightCallOptions, FlightClient } from "../flight/flight-client.ts";
import { type HeldObject, type HeldObjects, heldSizeBytes } from "./held-objects.ts";
import { readLocalObject } from "./local/local-object.ts";
import type { ObjectTarget } from "./object-target.ts";
import { type Answer, type AnswerRow, readAnswer } from "./read-answer.ts";

const log = logFor("client");

/** Requests the location of the object's file from GetFlightInfo. */
const FILE_LOCATIONS = { "flame-file-locations": "1" } as const;

export interface FetchContext {
  readonly client: FlightClient;
  readonly held: HeldObjects;
  /** Absent if the server is on another host, or if its files must not be opened. */
  readonly files: FileLookups | undefined;
  /** Maximum bytes to collect of an object. */
  readonly objectBytesMax: number;
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
  const { older, options } = fetch;
  if (older === undefined && context.files?.shouldAsk()) {
    const local = await fetchFile(context, target, options);
    context.files.record(local !== undefined && heldSizeBytes(local) >= LIMITS.localFileBytesMin);
    if (local !== undefined) return local;
  }
  const ticket = formatTicket(target.key, older?.version ?? 0);
  const answer = await readAnswer(context.client.doGet(ticket, options), context.objectBytesMax);
  const object = joinAnswer(older, answer);
  if (object !== undefined) {
    if (heldSizeBytes(object) >= LIMITS.localFileBytesMin) context.files?.record(true);
    return object;
  }
  // The patches do not follow the held version: the object was replaced meanwhile. Gets everything.
  if (older === undefined) throw new CacheError("INVALID_IPC", "the answer has no base");
  return await fetchFrom(context, target, { options, older: undefined });
}

/**
 * Decides whether to ask a server for file locations, by whether recent gets had files that were
 * worth the call. A server that keeps objects in memory has no files.
 */
export class FileLookups {
  #fileless = 0;
  #gets = 0;

  /** Called before each get. */
  shouldAsk(): boolean {
    this.#gets += 1;
    return this.#fileless < LIMITS.filelessAnswersMax || this.#gets % LIMITS.filelessGetsPerLookup === 0;
  }

  /**
   * Called after a get.
   * @param wasUseful true if the file, or the sent object, was large enough.
   */
  record(wasUseful: boolean): void {
    this.#fileless = wasUseful ? 0 : this.#fileless + 1;
  }
}

/** Joins the held object and an answer; undefined if the answer does not follow it. */
export function joinAnswer(older: HeldObject | undefined, answer: Answer): HeldObject | undefined {
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

/** Reads the object from its file; undefined if the server names none or it cannot be read. */
async function fetchFile(
  { client, objectBytesMax }: FetchContext,
  { key }: ObjectTarget,
  options: FlightCallOptions,
): Promise<HeldObject | undefined> {
  try {
    const descriptor = { kind: "path", path: [key] } as const;
    const info = await client.getFlightInfo(descriptor, { ...options, metadata: FILE_LOCATIONS });
    const locations = info.endpoints.flatMap((endpoint) => endpoint.locations);
    const uri = locations.find((location) => location.startsWith("file:"));
    if (uri === undefined) return undefined;
    return await readLocalObject(uri, key, { signal: options.signal, bytesMax: objectBytesMax });
  } catch (error) {
    if (options.signal?.aborted || isCacheError(error, "OBJECT_NOT_FOUND")) throw error;
    log.debug("no file to read directly", { key, error: String(error) });
    return undefined;
  }
}
