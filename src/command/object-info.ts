/**
 * What a FlightInfo says of an object, as the verbs show it. Works with other Flight servers too, as far as they tell.
 */
import { readFramedHeader } from "../arrow/encapsulated.ts";
import { type ArrowSchema, decodeSchema } from "../arrow/schema.ts";
import type { FlightClient } from "../client/flight/flight-client.ts";
import { CacheError, isCacheError } from "../errors.ts";
import type { FlightInfo } from "../flight/messages.ts";
import { formatTicket } from "../flight/ticket.ts";
import { decodeObjectFacts, OBJECT_FACTS_HEADER } from "../object/object-facts.ts";
import { formatObjectKey, type ObjectKey, parseObjectKey } from "../object/object-key.ts";
import { decodeObjectRef, type ObjectRef } from "../object/object-ref.ts";
import { opaqueColumns } from "./opaque-answer.ts";
import { tableType, type ValueType, valueType } from "./value-type.ts";

/** The call header that asks for times and first bytes. */
export const WITH_FACTS = { [OBJECT_FACTS_HEADER]: "1" } as const;

export interface ObjectFacts {
  readonly key: string;
  readonly kind: "opaque" | "table";
  /** Undefined for a server that gives no ObjectRef. */
  readonly ref: ObjectRef | undefined;
  /** -1: the server does not tell. */
  readonly rows: number;
  /** -1: the server does not tell. */
  readonly sizeBytes: number;
  /** Undefined in lists of servers that send none there. */
  readonly schema: ArrowSchema | undefined;
  /** Undefined where the server does not tell. */
  readonly type: ValueType | undefined;
  /** When it was last put or patched; undefined where the server does not tell. */
  readonly modifiedMs: number | undefined;
  /** Until when it may be served. */
  readonly expires: Date | undefined;
  /** What to ask for to get it. */
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
    expires: endpoint?.expirationTime,
    modifiedMs,
    ref,
    rows: info.totalRecords,
    sizeBytes: info.totalBytes,
    schema,
    ticket: endpoint?.ticket ?? formatTicket(key),
    locations: endpoint?.locations ?? [],
  };
}

/** Other servers put there what they like. */
function refOf(appMetadata: Uint8Array): ObjectRef | undefined {
  if (appMetadata.length === 0) return undefined;
  try {
    return decodeObjectRef(appMetadata);
  } catch (error) {
    if (isCacheError(error)) return undefined;
    throw error;
  }
}

/** Asks for one object. @throws {CacheError} INVALID_KEY, OBJECT_NOT_FOUND and what else the server answers. */
export async function askFor(
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

/** As `--json` prints it: what is not known is left out, sizes are bytes. */
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
