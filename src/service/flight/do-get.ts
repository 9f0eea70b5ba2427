/**
 * DoGet: takes a ticket and sends the object as it was put, or the parts that the client lacks
 * (docs/protocol.md, "DoGet").
 *
 *     KEY                    everything
 *     KEY:V, V = S           not modified: only a schema
 *     KEY:V, table           schema with the cache's metadata, everything
 *     KEY:V, B <= V < S      opaque: the patches V+1 .. S
 *     KEY:V, otherwise       opaque: everything
 *
 * B is the version of the base and S the current version, both at the moment the object was opened.
 * Call headers may change the form of the answer: get-terms.ts.
 */
import type { IndexEntry } from "../../cache/index-entry.ts";
import type { OpenedObject } from "../../cache/object-reading.ts";
import { isCacheError } from "../../errors.ts";
import { decodeTicket } from "../../flight/messages.ts";
import { type FlightTicket, parseTicket } from "../../flight/ticket.ts";
import type { ServerCall } from "../../grpc/call.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import {
  formatSchemaVersion,
  OPAQUE_SCHEMA_HEADER,
  SCHEMA_KEY_FILE,
  SCHEMA_KEY_VERSION,
  versionedSchema,
  withVersion,
} from "../../object/object-schema.ts";
import { encodeWireRow, type RowKind } from "../../object/opaque-row.ts";
import type { StoredObject } from "../../object/stored-blocks.ts";
import { turnIfDue, turnIfLarge } from "../../turns.ts";
import type { ServiceContext } from "../service-context.ts";
import { wireRows } from "../value-rows.ts";
import { formatFileLocation } from "./file-location.ts";
import { type GetTerms, getTerms, opaqueSchema, serverMetadata } from "./get-terms.ts";
import { ObjectSender } from "./object-sender.ts";
import { ticketTarget } from "./ticket-target.ts";

const log = logFor("flight");

type HeldVersion = number | undefined;

export async function doGet(context: ServiceContext, request: Buffer, call: ServerCall): Promise<void> {
  const ticket = parseTicket(decodeTicket(request));
  if (call.facts !== undefined) recordTicket(call.facts, ticket);
  const found = ticketTarget(context.cache, ticket);
  const { key, keyText, heldVersion: version } = found instanceof Promise ? await found : found;
  const { instance, locations } = context;
  const terms = getTerms(call, { instance, replicas: locations.list }, version);
  const { heldVersion } = terms;
  if (call.facts !== undefined) Object.assign(call.facts, { key: keyText, heldVersion });
  if (terms.locatedBytesMin !== undefined && (await sendLocation(context, key, terms, call))) return;
  const opened = await context.cache.open(key, (entry) => needsBase(entry, heldVersion), terms);
  const { reading } = opened;
  reading.isTakenBy(call);
  const sender = new ObjectSender(call);
  try {
    await send(opened, terms, sender);
  } catch (error) {
    reading.close();
    if (isCacheError(error, "OBJECT_CORRUPT")) context.cache.reportDamage(reading, error);
    throw error;
  } finally {
    if (call.facts !== undefined) recordSent(call.facts, opened, sender);
  }
  closeWhenSent(opened, call);
}

/** Logs the ticket as written. ticketTarget resolves it to an object afterwards. */
function recordTicket(facts: Record<string, unknown>, { key, heldVersion }: FlightTicket): void {
  facts.key = key;
  facts.heldVersion = heldVersion;
  log.trace("ticket parsed", { key, heldVersion });
}

function recordSent(facts: Record<string, unknown>, { reading }: OpenedObject, sender: ObjectSender): void {
  facts.version = reading.version;
  facts.kind = reading.kind;
  facts.bytes = sender.sentBytes;
}

/**
 * Closes the reading when the answer is sent, because the memory of the object is then reused. The
 * trailers do not wait for this. The answer of a small object was copied, so its reading closes at
 * once.
 */
function closeWhenSent({ reading, base }: OpenedObject, call: ServerCall): void {
  const isCopied = (base?.source.sizeBytes ?? 0) <= LIMITS.copiedMessageBytesMax;
  const sent = isCopied ? undefined : call.flush();
  if (sent === undefined) reading.close(true);
  else
    sent.then(
      () => reading.close(true),
      () => reading.close(),
    );
}

function isNotModified(entry: { readonly version: number }, heldVersion: HeldVersion): boolean {
  return heldVersion === entry.version;
}

/** False if the client holds the base: then the server sends only patches, or nothing. */
function needsBase(entry: IndexEntry, heldVersion: HeldVersion): boolean {
  if (isNotModified(entry, heldVersion)) return false;
  return !holdsBase(entry, heldVersion);
}

function holdsBase(
  object: { readonly kind: string; readonly baseVersion: number; readonly version: number },
  heldVersion: HeldVersion,
): heldVersion is number {
  if (object.kind !== "opaque" || heldVersion === undefined) return false;
  return heldVersion >= object.baseVersion && heldVersion < object.version;
}

/**
 * Answers with the location of the object's file, in a schema without batches.
 * @returns false if the object itself must be sent, because it is small, patched, not modified, or
 *   has no file of its own.
 */
async function sendLocation(
  context: ServiceContext,
  key: ObjectKey,
  terms: GetTerms,
  call: ServerCall,
): Promise<boolean> {
  const { cache } = context;
  if (!cache.capabilities.locatesFiles) return false;
  const entry = await cache.find(key);
  const version = entry?.version;
  if (entry === undefined || version === undefined) return false;
  if (entry.dataBytes < (terms.locatedBytesMin ?? Number.POSITIVE_INFINITY)) return false;
  if (isNotModified(entry, terms.heldVersion)) return false;
  const location = await cache.locate(key);
  // The file may belong to a later version.
  if (location === undefined || (await cache.find(key)) !== entry || entry.version !== version) return false;
  const schema = versionedSchema([
    [SCHEMA_KEY_VERSION, formatSchemaVersion(version)],
    [SCHEMA_KEY_FILE, formatFileLocation(location)],
    ...serverMetadata(terms),
  ]);
  await new ObjectSender(call).sendSchema(schema);
  if (call.facts !== undefined) Object.assign(call.facts, { version, kind: entry.kind, location: true });
  return true;
}

async function send(opened: OpenedObject, terms: GetTerms, sender: ObjectSender): Promise<void> {
  const { reading, base } = opened;
  const { heldVersion } = terms;
  if (isNotModified(reading, heldVersion)) return await sender.sendSchema(opaqueSchema(terms));
  if (reading.kind === "table") return await sendTable(opened, terms, sender);
  await sender.sendSchema(heldVersion === undefined ? OPAQUE_SCHEMA_HEADER : opaqueSchema(terms));
  if (base !== undefined) await sendOpaque(base, reading.baseVersion, "base", terms, sender);
  const from = holdsBase(reading, heldVersion) ? heldVersion : reading.baseVersion;
  for (const version of reading.patchesAfter(from)) {
    await reading.withPatch(version, (patch) => sendOpaque(patch, version, "patch", terms, sender));
    await turnIfDue();
  }
}

async function sendTable(opened: OpenedObject, terms: GetTerms, sender: ObjectSender): Promise<void> {
  const { reading, base } = opened;
  const { heldVersion } = terms;
  if (base === undefined) return;
  const turn = turnIfLarge(base.schemaHeader.length);
  if (turn !== undefined) await turn;
  const schema =
    heldVersion === undefined
      ? base.schemaHeader
      : withVersion(base.schemaHeader, reading.version, serverMetadata(terms)).header;
  await sender.sendSchema(schema, base.schemaAppMetadata);
  await sendBatches(base, sender);
  for (const version of reading.patchesAfter(reading.baseVersion)) {
    await reading.withPatch(version, (patch) => sendBatches(patch, sender));
    await turnIfDue();
  }
}

/**
 * Yields: there may be a million small batches, and the send queue accepts thousands without a
 * wait.
 */
async function sendBatches({ batches, source }: StoredObject, sender: ObjectSender): Promise<void> {
  let sent = 0;
  for (const batch of batches) {
    const turn = sent++ === 0 ? undefined : turnIfDue();
    if (turn !== undefined) await turn;
    await sender.sendBatch(source, batch);
  }
}

async function sendOpaque(
  object: StoredObject,
  version: number,
  kind: RowKind,
  { heldVersion, rowBytesMax }: GetTerms,
  sender: ObjectSender,
): Promise<void> {
  for (const ranges of wireRows(object, rowBytesMax)) {
    const dataSizeBytes = ranges.reduce((sum, range) => sum + range.sizeBytes, 0);
    const columns = heldVersion === undefined ? {} : { kind };
    const row = encodeWireRow({ version, dataSizeBytes, codec: object.codec, ...columns });
    await sender.sendRow(row, object.source, ranges);
  }
}
