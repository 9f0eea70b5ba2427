/**
 * ListFlights: one FlightInfo with its schema for each object, page by page.
 *
 * Other calls run between pages, and the next page is looked up only after the client has received
 * the last one. A page is sent in one write, or in several if its schemas are large. A schema that
 * is too large to be kept in memory is read when its object is sent.
 */
import type { IndexEntry } from "../../cache/index-entry.ts";
import type { ListedSchemas } from "../../cache/listed-schemas.ts";
import { FlightInfoWriter } from "../../flight/flight-info-writer.ts";
import { decodeCriteria } from "../../flight/messages.ts";
import type { ServerCall } from "../../grpc/call.ts";
import { LIMITS } from "../../limits.ts";
import { encodeObjectFacts } from "../../object/object-facts.ts";
import { nextTurn } from "../../turns.ts";
import { parseListPattern } from "../key-pattern.ts";
import type { ServiceContext } from "../service-context.ts";
import { describe, OPAQUE_SCHEMA, wantsFacts } from "./flight-info.ts";

type DescribeListed = (entry: IndexEntry, schema: Uint8Array, facts?: Uint8Array) => Uint8Array;
/** The facts of the objects of a page, for callers who request them. */
type Facts = ReadonlyMap<IndexEntry, Uint8Array>;

/** The name, and the reference, of the object whose info is being written. Most references are shorter. */
const NAME_BYTES = Buffer.alloc(3 * LIMITS.keyComponentBytesMax + 2);
const REF_BYTES = Buffer.alloc(1024);
const NO_FACTS: Facts = new Map();

export async function listFlights(context: ServiceContext, request: Buffer, call: ServerCall): Promise<void> {
  const criteria = decodeCriteria(request);
  if (call.facts !== undefined) call.facts.key = criteria;
  const pattern = parseListPattern(criteria);
  const { schemas } = context.cache;
  const describeListed = listEncoder(context);
  const areFactsWanted = wantsFacts(call);
  for await (const page of context.cache.list(pattern)) {
    const learning = schemas.learn(page);
    if (learning !== undefined) await learning;
    const factsBytes = areFactsWanted ? page.length * LIMITS.listedFactsBytes : 0;
    if (areFactsWanted) await call.reserveWhole(factsBytes);
    const facts = areFactsWanted ? await factsOf(page, schemas) : NO_FACTS;
    for (let from = 0; from < page.length; ) {
      const reserved = await call.reserve(LIMITS.listPageBytes);
      const infos = knownFrom(page, from, { schemas, describeListed, facts });
      call.release(reserved);
      from += infos.length;
      if (infos.length > 0) await (call.writeAll(infos) ?? nextTurn());
      else await sendRead(page[from++]!, call, { schemas, describeListed, facts });
    }
    call.release(factsBytes);
  }
}

interface Listing {
  readonly schemas: ListedSchemas;
  readonly describeListed: DescribeListed;
  readonly facts: Facts;
}

async function factsOf(page: readonly IndexEntry[], schemas: ListedSchemas): Promise<Facts> {
  const encoded = page.map(
    async (entry) => [entry, encodeObjectFacts(await schemas.readFacts(entry))] as const,
  );
  return new Map(await Promise.all(encoded));
}

/**
 * The infos of the objects from position `from` on. Ends before an object whose schema must be
 * read, and when a part is full.
 */
function knownFrom(page: readonly IndexEntry[], from: number, { schemas, describeListed, facts }: Listing) {
  const infos: Uint8Array[] = [];
  let sizeBytes = 0;
  for (let index = from; index < page.length && sizeBytes < LIMITS.listPartBytes; index += 1) {
    const entry = page[index]!;
    const schema = entry.kind === "opaque" ? OPAQUE_SCHEMA : schemas.known(entry);
    if (schema === undefined) break;
    const info = describeListed(entry, schema, facts.get(entry));
    infos.push(info);
    sizeBytes += info.length;
  }
  return infos;
}

/** Reads the schema of a table and sends its FlightInfo. Skips a removed or unreadable object. */
async function sendRead(entry: IndexEntry, call: ServerCall, listing: Listing): Promise<void> {
  const schema = await listing.schemas.read(entry);
  if (schema === undefined) return;
  await call.reserveWhole(schema.length);
  try {
    await call.write([listing.describeListed(entry, schema, listing.facts.get(entry))]);
  } finally {
    call.release(schema.length);
  }
}

/** Returns the function that encodes the FlightInfo of one listed object. */
function listEncoder(context: ServiceContext): DescribeListed {
  const { locations, refs } = context;
  const infos = new FlightInfoWriter(locations.noEnd.expirationTime);
  return (entry, schema, facts) => {
    const name = entry.evictionKey;
    if (facts !== undefined || context.cache.retaining.lifetimeOf(entry) !== undefined) {
      return describe(context, entry.key, entry, {
        schema,
        facts,
        descriptor: { kind: "path", path: [name] },
      });
    }
    const path = NAME_BYTES.subarray(0, NAME_BYTES.write(name));
    return infos.write({
      schema,
      path,
      ticket: path,
      locations: locations.of(name),
      totalRecords: entry.rowCount,
      totalBytes: entry.dataBytes,
      appMetadata: refs.write(path, entry.version, REF_BYTES),
    });
  };
}
