/**
 * GetFlightInfo and GetSchema: describe an object without sending it.
 *
 * An opaque object's schema is always the same; a table's is read from its file. list-flights.ts
 * lists many objects.
 */
import { encapsulateHeader } from "../../arrow/encapsulated.ts";
import type { IndexEntry } from "../../cache/index-entry.ts";
import { CacheError } from "../../errors.ts";
import type { FlightDescriptor } from "../../flight/descriptor.ts";
import { encodeFlightInfo, encodeSchemaResult } from "../../flight/messages.ts";
import { formatTicket } from "../../flight/ticket.ts";
import type { ServerCall } from "../../grpc/call.ts";
import { encodeObjectFacts, OBJECT_FACTS_HEADER } from "../../object/object-facts.ts";
import { formatObjectKey, type ObjectKey } from "../../object/object-key.ts";
import { OPAQUE_SCHEMA_HEADER } from "../../object/object-schema.ts";
import { turnIfDue } from "../../turns.ts";
import type { ServiceContext } from "../service-context.ts";
import { fileLocationFor } from "./file-location.ts";
import { parseObjectDescriptor } from "./put-target.ts";
import { expiration } from "./retention-actions.ts";

export const OPAQUE_SCHEMA = encapsulateHeader(OPAQUE_SCHEMA_HEADER);

export async function getFlightInfo(
  context: ServiceContext,
  request: Buffer,
  call: ServerCall,
): Promise<Uint8Array> {
  const { key, descriptor } = parseObjectDescriptor(request, call.facts);
  const { schema, entry } = await readSchema(context, key);
  const file = await fileLocationFor(call, context.cache, key);
  // A schema may have many MiB, and the encoding copies it once more.
  await turnIfDue();
  const facts = wantsFacts(call)
    ? encodeObjectFacts(await context.cache.schemas.readFacts(entry))
    : undefined;
  return describe(context, key, entry, { schema, descriptor, file, facts });
}

export async function getSchema(
  context: ServiceContext,
  request: Buffer,
  call: ServerCall,
): Promise<Uint8Array> {
  const { key } = parseObjectDescriptor(request, call.facts);
  const { schema } = await readSchema(context, key);
  await turnIfDue();
  return encodeSchemaResult(schema);
}

interface DescribedObject {
  readonly entry: IndexEntry;
  /** Encapsulated. */
  readonly schema: Uint8Array;
}

/** @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_CORRUPT */
async function readSchema(context: ServiceContext, key: ObjectKey): Promise<DescribedObject> {
  const { reading, base } = await context.cache.open(key, (entry) => entry.kind === "table", {
    purpose: "look",
  });
  try {
    const { entry } = reading;
    if (reading.kind === "opaque") return { entry, schema: OPAQUE_SCHEMA };
    if (base === undefined) throw new CacheError("OBJECT_NOT_FOUND");
    await turnIfDue();
    return { entry, schema: encapsulateHeader(base.schemaHeader) };
  } finally {
    // The answer contains a copy.
    reading.close(true);
  }
}

/** True if the caller requests the object facts in the app_metadata of the FlightEndpoint. */
export function wantsFacts(call: ServerCall): boolean {
  return call.metadata.get(OBJECT_FACTS_HEADER) === "1";
}

interface DescribedParts {
  /** Encapsulated. */
  readonly schema: Uint8Array;
  readonly descriptor: FlightDescriptor;
  readonly file?: string | undefined;
  readonly facts?: Uint8Array | undefined;
}

export function describe(
  context: ServiceContext,
  key: ObjectKey,
  entry: IndexEntry,
  { file, facts, ...more }: DescribedParts,
): Uint8Array {
  const name = formatObjectKey(key);
  const expires = expiration(context.cache.retaining.lifetimeOf(entry));
  const locations = context.locations.of(name);
  return encodeFlightInfo({
    ...more,
    endpoints: [
      {
        ticket: formatTicket(name),
        locations: file === undefined ? locations : [...locations, file],
        ...context.locations.noEnd,
        ...expires,
        ...(facts && { appMetadata: facts }),
      },
    ],
    totalRecords: entry.rowCount,
    totalBytes: entry.dataBytes,
    appMetadata: context.encodeRef(key, entry.version),
  });
}
