/**
 * GetFlightInfo, GetSchema and ListFlights: what is known of objects without sending them.
 *
 * An opaque object's schema is always the same; a table's is read from its file. A list carries no schema of
 * tables, so that it costs no file.
 */
import type { IndexEntry } from "../cache/index-entry.ts";
import { CacheError } from "../errors.ts";
import type { FlightDescriptor } from "../flight/descriptor.ts";
import { FlightInfoWriter } from "../flight/flight-info-writer.ts";
import { decodeCriteria, encodeFlightInfo, encodeSchemaResult } from "../flight/messages.ts";
import { formatTicket, parseTicket } from "../flight/ticket.ts";
import type { ServerCall } from "../grpc/call.ts";
import { LIMITS } from "../limits.ts";
import { formatObjectKey, type ObjectKey } from "../object/object-key.ts";
import { ObjectRefWriter } from "../object/object-ref.ts";
import { OPAQUE_SCHEMA_HEADER } from "../object/object-schema.ts";
import { nextTurn, turnIfDue } from "../turns.ts";
import { fileLocationFor } from "./file-location.ts";
import { parseListPattern } from "./key-pattern.ts";
import { encapsulateSchema } from "./object-sender.ts";
import { parseObjectDescriptor } from "./put-target.ts";
import { expiration } from "./retention-actions.ts";
import type { ServiceContext } from "./service-context.ts";

const OPAQUE_SCHEMA = encapsulateSchema(OPAQUE_SCHEMA_HEADER);
const NO_SCHEMA = new Uint8Array(0);
/** Of such a key alone the ticket may have to be another one. */
const ENDS_LIKE_VERSION = /:[0-9]+$/;

export async function getFlightInfo(
  context: ServiceContext,
  request: Buffer,
  call: ServerCall,
): Promise<Uint8Array> {
  const { key, descriptor } = parseObjectDescriptor(request);
  const schema = await readSchema(context, key);
  const file = await fileLocationFor(call, context.cache, key);
  // A schema may be of many MiB, and is copied once more.
  await turnIfDue();
  return describe(context, key, await context.cache.stat(key), { schema, descriptor, file });
}

export async function getSchema(context: ServiceContext, request: Buffer): Promise<Uint8Array> {
  const { key } = parseObjectDescriptor(request);
  const schema = await readSchema(context, key);
  await turnIfDue();
  return encodeSchemaResult(schema);
}

/** Page by page, other calls in between: each page leaves in one write. */
export async function listFlights(context: ServiceContext, request: Buffer, call: ServerCall): Promise<void> {
  const pattern = parseListPattern(decodeCriteria(request));
  const describeListed = listedBy(context);
  for await (const page of context.cache.list(pattern)) {
    const reserved = await call.reserve(LIMITS.listPageBytes);
    const infos = page.map(describeListed);
    call.release(reserved);
    const isSent = call.writeAll(infos);
    await (isSent ?? nextTurn());
  }
}

/** An object as a list tells of it. */
function listedBy(context: ServiceContext): (entry: IndexEntry) => Uint8Array {
  const infos = new FlightInfoWriter([context.endpoint]);
  const refs = new ObjectRefWriter(context.endpoint);
  return (entry) => {
    const schema = entry.kind === "opaque" ? OPAQUE_SCHEMA : NO_SCHEMA;
    const name = entry.evictionKey;
    if (context.cache.retaining.lifetimeOf(entry) !== undefined) {
      return describe(context, entry.key, entry, { schema, descriptor: { kind: "path", path: [name] } });
    }
    const path = Buffer.from(name);
    return infos.write({
      schema,
      path,
      ticket: ENDS_LIKE_VERSION.test(name) ? ticketOf(name) : path,
      totalRecords: entry.rowCount,
      totalBytes: entry.dataBytes,
      appMetadata: refs.write(path, entry.version),
    });
  };
}

/** The encapsulated schema of an object. @throws {CacheError} OBJECT_NOT_FOUND, OBJECT_CORRUPT */
async function readSchema(context: ServiceContext, key: ObjectKey): Promise<Uint8Array> {
  const { reading, base } = await context.cache.open(key, (entry) => entry.kind === "table", "look");
  try {
    if (reading.kind === "opaque") return OPAQUE_SCHEMA;
    if (base === undefined) throw new CacheError("OBJECT_NOT_FOUND");
    await turnIfDue();
    return encapsulateSchema(base.schemaHeader);
  } finally {
    // What was read was copied into the answer.
    reading.close(true);
  }
}

function describe(
  context: ServiceContext,
  key: ObjectKey,
  entry: IndexEntry,
  { file, ...more }: { schema: Uint8Array; descriptor: FlightDescriptor; file?: string | undefined },
): Uint8Array {
  const expires = expiration(context.cache.retaining.lifetimeOf(entry));
  const locations = file === undefined ? [context.endpoint] : [context.endpoint, file];
  return encodeFlightInfo({
    ...more,
    endpoints: [{ ticket: ticketOf(formatObjectKey(key)), locations, ...expires }],
    totalRecords: entry.rowCount,
    totalBytes: entry.dataBytes,
    appMetadata: context.encodeRef(key, entry.version),
  });
}

/** A key that ends in `:` and digits would be taken for another key and a version: it is named by `KEY:0` only. */
function ticketOf(key: string): Buffer {
  const ticket = formatTicket(key);
  return parseTicket(ticket).key === key ? ticket : formatTicket(key, 0);
}
