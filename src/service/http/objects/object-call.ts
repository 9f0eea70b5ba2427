/**
 * What the requests of the object API have in common: the key in the path, the tags of this server,
 * and a place among the running requests.
 */
import { CacheError } from "../../../errors.ts";
import {
  formatObjectKey,
  type ObjectKey,
  parseObjectKey,
  parseSessionPrefix,
  type SessionPrefix,
} from "../../../object/object-key.ts";
import type { Durability } from "../../../storage/object-storage.ts";
import { DURABILITY_HEADER, putDurability } from "../../put-durability.ts";
import type { ServiceContext } from "../../service-context.ts";
import { EntityTags } from "../entity-tags.ts";
import type { HttpCall } from "../http-call.ts";
import type { Transfer } from "../transfers.ts";

export const OBJECTS_PATH = "/v1/objects";

/** Runs the handler when the request has its place, and frees the place afterwards. */
export function inTransfer(
  handle: (call: HttpCall, transfer: Transfer) => Promise<void>,
): (call: HttpCall) => Promise<void> {
  return async (call) => {
    const transfer = await call.context.transfers.begin(call.signal);
    try {
      await handle(call, transfer);
    } finally {
      transfer.close();
    }
  };
}

/** @throws {CacheError} INVALID_KEY, also for a slash inside a component. */
export function keyOf({ params }: HttpCall): ObjectKey {
  return parseObjectKey(`${params.app}/${params.session}/${params.object}`);
}

/** @throws {CacheError} INVALID_KEY */
export function prefixOf({ params }: HttpCall): SessionPrefix {
  return parseSessionPrefix(`${params.app}/${params.session}`);
}

/** The caller, for the event journal: the name of its identity, or its address. */
export function actorOf({ context, request }: HttpCall): string | undefined {
  return context.identity.name ?? request.socket.remoteAddress;
}

/** Node joins repeated headers of most names. */
export function headerText({ headers }: HttpCall["request"], name: string): string | undefined {
  const value = headers[name];
  return typeof value === "object" ? value.join(", ") : value;
}

/** The durability that the answer promises. @throws {CacheError} INVALID_REQUEST, NOT_IMPLEMENTED */
export function durabilityOf({ context, request }: HttpCall): Durability {
  return putDurability(context, headerText(request, DURABILITY_HEADER));
}

/** Versions begin anew with each run of a server that keeps objects in memory only. */
export function entityTagsOf({ cache, instance }: ServiceContext): EntityTags {
  return new EntityTags(cache.capabilities.isDurable ? undefined : instance.id);
}

/** The path of an object, percent-encoded. */
export function objectPath(key: ObjectKey): string {
  return `${OBJECTS_PATH}/${formatObjectKey(key).split("/").map(encodeURIComponent).join("/")}`;
}

/** A parameter of the query; undefined if it is absent. @throws {CacheError} INVALID_REQUEST if it is repeated. */
export function queryParameter({ url }: HttpCall, name: string): string | undefined {
  const [value, ...more] = url.searchParams.getAll(name);
  if (more.length > 0) throw new CacheError("INVALID_REQUEST", `the query has ${name} more than once`);
  return value;
}

/** @throws {CacheError} INVALID_REQUEST for a parameter that would have no effect. */
export function refuseOtherParameters({ url }: HttpCall, known: readonly string[]): void {
  for (const name of url.searchParams.keys()) {
    if (known.includes(name)) continue;
    const allowed = known.length === 0 ? "none" : known.join(", ");
    throw new CacheError("INVALID_REQUEST", `the query has an unknown parameter; known here: ${allowed}`);
  }
}
