/**
 * Reads the facts about an object from a FlightInfo, as the verbs display them.
 *
 * Works with other Flight servers too; facts that they do not report are undefined or -1.
 */
import { readFramedHeader } from "../arrow/encapsulated.ts";
import { type ArrowSchema, decodeSchema } from "../arrow/schema.ts";
import type { FlightClient } from "../client/flight/flight-client.ts";
import { CacheError, isCacheError } from "../errors.ts";
import type { FlightInfo } from "../flight/messages.ts";
import { endOf } from "../flight/replica-list.ts";
import { formatTicket } from "../flight/ticket.ts";
import { decodeObjectFacts, OBJECT_FACTS_HEADER } from "../object/object-facts.ts";
import { formatObjectKey, type ObjectKey, parseObjectKey } from "../object/object-key.ts";
import { decodeObjectRef, type ObjectRef } from "../object/object-ref.ts";
import { opaqueColumns } from "./opaque-answer.ts";
import { tableType, type ValueType, valueType } from "./value-type.ts";

/** The call header that requests times and the first bytes of values. */
export const WITH_FACTS = { [OBJECT_FACTS_HEADER]: "1" } as const;

export interface ObjectFacts {
  readonly key: string;
  readonly kind: "opaque" | "table";
  /** Undefined if the server returns no ObjectRef. */
  readonly ref: ObjectRef | undefined;
  /** -1: not reported. */
  readonly rows: number;
  /** -1: not reported. */
  readonly sizeBytes: number;
  /** Undefined in a list without schemas. */
  readonly schema: ArrowSchema | undefined;
  /** Undefined: not reported. */
  readonly type: ValueType | undefined;
  /** When it was last put or patched; undefined: not reported. */
  readonly modifiedMs: number | undefined;
  /** When it expires; undefined: never, or not reported. */
  readonly expires: Date | undefined;
  /** The ticket of a DoGet for the object. */
  readonly ticket: Uint8Array;
  readonly locations: readonly string[];
}

export function factsOf(info: FlightInfo): ObjectFacts {
  const ref = refOf(info.appMetadata);
  const schema = info.schema.length === 0 ? undefined : decodeSchema(readFramedHeader(info.schema, 0).header);
  const key = ref?.key ?? (info.descriptor?.kind === "path" ? info.descriptor.path.join("/") : "");
  const [endpoint] = info.endpoints;
  const { modifiedMs, head } = decodeObjectFacts(endpoint?.appMetadata);
  const kind = schema !== undefined && opaqueColumns(schema) !== undefined ? "opaque" : "table";
  return {
    key,
    kind,
    type: kind === "table" ? schema && tableType(schema) : valueType(head),
    expires: endOf(endpoint),
    modifiedMs,
    ref,
    rows: info.totalRecords,
    sizeBytes: info.totalBytes,
    schema,
    ticket: endpoint?.ticket ?? formatTicket(key),
    locations: endpoint?.locations ?? [],
  };
}

/** Undefined if the app_metadata is not an ObjectRef: other servers may send anything there. */
function refOf(appMetadata: Uint8Array): ObjectRef | undefined {
  if (appMetadata.length === 0) return undefined;
  try {
    return decodeObjectRef(appMetadata);
  } catch (error) {
    if (isCacheError(error)) return undefined;
    throw error;
  }
}

/**
 * Fetches the facts about one object.
 * @throws {CacheError} INVALID_KEY, OBJECT_NOT_FOUND and other server errors.
 */
export async function fetchFacts(
  client: FlightClient,
  keyText: string,
  signal: AbortSignal,
): Promise<ObjectFacts> {
  const key = parseObjectKey(keyText);
  try {
    return factsOf(await client.getFlightInfo(pathOf(key), { signal, metadata: WITH_FACTS }));
  } catch (error) {
    if (!isCacheError(error, "OBJECT_NOT_FOUND")) throw error;
    throw new CacheError("OBJECT_NOT_FOUND", `no object at ${keyText}`, { cause: error });
  }
}

function pathOf(key: ObjectKey): { readonly kind: "path"; readonly path: readonly string[] } {
  return { kind: "path", path: [formatObjectKey(key)] };
}

/** The fields of `--json`. Unknown facts are left out; sizes are in bytes. */
export function factsAsJson({
  key,
  kind,
  type,
  ref,
  rows,
  sizeBytes,
  expires,
  modifiedMs,
}: ObjectFacts): Record<string, unknown> {
  return {
    endpoint: ref?.endpoint,
    key,
    version: ref?.version,
    kind,
    ...(rows >= 0 && { rows }),
    ...(sizeBytes >= 0 && { size: sizeBytes }),
    ...(type && { type: type.name }),
    ...(type?.elementType !== undefined && { dtype: type.elementType, shape: type.shape }),
    ...(modifiedMs !== undefined && { modified: new Date(modifiedMs).toISOString() }),
    ...(expires && { expires: expires.toISOString() }),
  };
}
