/**
 * DoGet: a ticket in, the object out as it was put, or what of it the client lacks
 * (docs/protocol.md, "DoGet").
 *
 *     KEY                    everything
 *     KEY:V, V = S           not modified: a schema and nothing else
 *     KEY:V, table           schema with the cache's metadata, everything
 *     KEY:V, B <= V < S      opaque: the patches V+1 .. S
 *     KEY:V, otherwise       opaque: everything
 *
 * B is the version of the base, S the current one. The versions are those of the moment the object was opened.
 */
import type { IndexEntry } from "../cache/index-entry.ts";
import type { OpenedObject } from "../cache/object-reading.ts";
import { isCacheError } from "../errors.ts";
import { decodeTicket } from "../flight/messages.ts";
import { type FlightTicket, parseTicket } from "../flight/ticket.ts";
import type { ServerCall } from "../grpc/call.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import { OPAQUE_SCHEMA_HEADER, VERSIONED_SCHEMA_HEADER, withVersion } from "../object/object-schema.ts";
import { encodeWireRow, type RowKind } from "../object/opaque-row.ts";
import type { ByteRange, StoredObject } from "../object/stored-blocks.ts";
import { turnIfDue, turnIfLarge } from "../turns.ts";
import { ObjectSender } from "./object-sender.ts";
import type { ServiceContext } from "./service-context.ts";
import { ticketTarget } from "./ticket-target.ts";

const log = logFor("flight");

type HeldVersion = number | undefined;

export async function doGet(context: ServiceContext, request: Buffer, call: ServerCall): Promise<void> {
  const ticket = decodeTicket(request);
  if (call.facts !== undefined) noteTicket(call.facts, parseTicket(ticket));
  const target = ticketTarget(context.cache, ticket);
  const { key, keyText, heldVersion } = target instanceof Promise ? await target : target;
  if (call.facts !== undefined) Object.assign(call.facts, { key: keyText, heldVersion });
  const opened = await context.cache.open(key, (entry) => needsBase(entry, heldVersion));
  const { reading } = opened;
  reading.isTakenBy(call);
  const sender = new ObjectSender(call);
  try {
    await send(opened, heldVersion, sender);
  } catch (error) {
    reading.close();
    if (isCacheError(error, "OBJECT_CORRUPT")) context.cache.reportDamage(reading, error);
    throw error;
  } finally {
    if (call.facts !== undefined) noteSent(call.facts, opened, sender);
  }
  closeWhenSent(opened, call);
}

/** As it reads; which object it names is found out afterwards. */
function noteTicket(facts: Record<string, unknown>, { key, heldVersion }: FlightTicket): void {
  facts.key = key;
  facts.heldVersion = heldVersion;
  log.trace("ticket parsed", { key, heldVersion });
}

function noteSent(facts: Record<string, unknown>, { reading }: OpenedObject, sender: ObjectSender): void {
  facts.version = reading.version;
  facts.kind = reading.kind;
  facts.bytes = sender.sentBytes;
}

/**
 * The trailers need not wait for the last bytes to leave, but the memory of the object may be used again then. The answer of
 * a small object was copied into one buffer.
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

/** False when the client holds the base, so that nothing, or only patches, have to be sent. */
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

async function send(opened: OpenedObject, heldVersion: HeldVersion, sender: ObjectSender): Promise<void> {
  const { reading, base } = opened;
  if (isNotModified(reading, heldVersion)) return await sender.sendSchema(VERSIONED_SCHEMA_HEADER);
  if (reading.kind === "table") return await sendTable(opened, heldVersion, sender);
  await sender.sendSchema(heldVersion === undefined ? OPAQUE_SCHEMA_HEADER : VERSIONED_SCHEMA_HEADER);
  if (base !== undefined) await sendOpaque(base, reading.baseVersion, "base", heldVersion, sender);
  const from = holdsBase(reading, heldVersion) ? heldVersion : reading.baseVersion;
  for (const version of reading.patchesAfter(from)) {
    await reading.withPatch(version, (patch) => sendOpaque(patch, version, "patch", heldVersion, sender));
    await turnIfDue();
  }
}

async function sendTable(
  opened: OpenedObject,
  heldVersion: HeldVersion,
  sender: ObjectSender,
): Promise<void> {
  const { reading, base } = opened;
  if (base === undefined) return;
  const turn = turnIfLarge(base.schemaHeader.length);
  if (turn !== undefined) await turn;
  const schema =
    heldVersion === undefined ? base.schemaHeader : withVersion(base.schemaHeader, reading.version).header;
  await sender.sendSchema(schema, base.schemaAppMetadata);
  await sendBatches(base, sender);
  for (const version of reading.patchesAfter(reading.baseVersion)) {
    await reading.withPatch(version, (patch) => sendBatches(patch, sender));
    await turnIfDue();
  }
}

/** A million small ones may be at hand, and the send queue takes thousands of them without waiting. */
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
  heldVersion: HeldVersion,
  sender: ObjectSender,
): Promise<void> {
  for (const ranges of wireRows(object)) {
    const dataSizeBytes = ranges.reduce((sum, range) => sum + range.sizeBytes, 0);
    const columns = heldVersion === undefined ? {} : { kind };
    const row = encodeWireRow({ version, dataSizeBytes, codec: object.codec, ...columns });
    await sender.sendRow(row, object.source, ranges);
  }
}

/** One row, unless the value is over 2 GiB - 1: then rows of a size that each client's message limit takes. */
function wireRows(object: StoredObject): readonly (readonly ByteRange[])[] {
  if (object.dataBytes <= LIMITS.opaqueRowBytesMax) return [object.dataRanges];
  return object.dataRanges.flatMap((range) => {
    const rows: ByteRange[][] = [];
    for (let taken = 0; taken < range.sizeBytes; taken += LIMITS.opaqueWireRowBytesMax) {
      const sizeBytes = Math.min(LIMITS.opaqueWireRowBytesMax, range.sizeBytes - taken);
      rows.push([{ position: range.position + taken, sizeBytes }]);
    }
    return rows;
  });
}
