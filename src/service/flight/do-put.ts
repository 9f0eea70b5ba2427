/**
 * DoPut: reads gRPC messages as they arrive, and answers with an ObjectRef when the object is
 * stored (docs/protocol.md, "DoPut").
 *
 * A client that attaches app_metadata to a record batch is a standard client that waits for an
 * answer to each batch. From its first such batch on, the server echoes the app_metadata of every
 * record batch at once and sends no ObjectRef. Body bytes are views of the socket's buffers until
 * the storage takes them; at most one receive queue of them waits here.
 */
import { CacheError } from "../../errors.ts";
import { decodeDescriptor } from "../../flight/descriptor.ts";
import { FlightDataDecoder, type FlightDataHead } from "../../flight/flight-data-decoder.ts";
import { encodePutResult } from "../../flight/messages.ts";
import { REPLICAS_HEADER } from "../../flight/replica-list.ts";
import type { IncomingMessage, ServerCall } from "../../grpc/call.ts";
import { formatObjectKey } from "../../object/object-key.ts";
import { turnIfDue } from "../../turns.ts";
import { IncomingPut } from "../incoming-put.ts";
import type { ServiceContext } from "../service-context.ts";
import { callTerms } from "./call-terms.ts";
import { unknownReplicas } from "./get-terms.ts";
import { parsePutTarget } from "./put-target.ts";

/** Messages between two checks of the turn's length. An object has three or four messages. */
const MESSAGES_PER_CHECK = 8;

export async function doPut(context: ServiceContext, call: ServerCall): Promise<void> {
  const terms = callTerms(context, call);
  const put = new IncomingPut(context.cache, {
    ttlMs: terms.ttlMs,
    actor: terms.actor,
    validation: context.validation,
    abandon: (reason) => call.abandon(reason),
    footerMemory: context.footerMemory,
  });
  const decoder = new FlightDataDecoder();
  let isEchoing = false;
  let received = 0;
  try {
    for (let message = await call.requests.next(); message !== null; message = await call.requests.next()) {
      const batchKind = await receive(message, { call, decoder, put });
      // Received messages are read without a wait: one turn could handle thousands of small
      // batches.
      const turn = ++received % MESSAGES_PER_CHECK === 0 ? turnIfDue() : undefined;
      if (turn !== undefined) await turn;
      // Every client pairs answers with its record batches. arrow-go attaches the app_metadata of a
      // batch also to the schema and the dictionaries in front of it, and waits for one answer.
      if (batchKind !== "recordBatch") continue;
      isEchoing ||= decoder.appMetadata.length > 0;
      if (isEchoing) await call.write([encodePutResult(decoder.appMetadata)]);
    }
    const { key, version, kind } = await put.commit(terms);
    if (call.facts !== undefined) Object.assign(call.facts, { key: formatObjectKey(key), version, kind });
    if (!isEchoing) await answer(context, call, context.encodeRef(key, version));
  } finally {
    await put.discard();
  }
}

/** A caller that asks for replicas gets them in a second PutResult, if it has another list. */
async function answer({ locations }: ServiceContext, call: ServerCall, ref: Uint8Array): Promise<void> {
  const { list } = locations;
  const unknown = list && unknownReplicas(call.metadata.get(REPLICAS_HEADER), list);
  if (unknown === undefined) await call.write([encodePutResult(ref)]);
  else await call.writeAll([encodePutResult(ref), encodePutResult(Buffer.from(unknown.text))]);
}

/** The objects that receive one put. */
interface Receiver {
  readonly call: ServerCall;
  readonly decoder: FlightDataDecoder;
  readonly put: IncomingPut;
}

/** Forwards one message while it arrives. @returns the kind of its batch; undefined without one. */
async function receive(
  message: IncomingMessage,
  { call, decoder, put }: Receiver,
): Promise<IncomingPut["batchKind"]> {
  decoder.begin(message.sizeBytes, message.isSizeBound);
  let hasBegun = false;
  let chargedBytes = 0;
  for (let chunks = await message.read(); chunks !== null; chunks = await message.read()) {
    const views: Buffer[] = [];
    for (const chunk of chunks) {
      for (const view of decoder.push(chunk)) views.push(view);
    }
    const { heldBytes } = decoder;
    if (heldBytes > chargedBytes) await call.collect(heldBytes - chargedBytes);
    chargedBytes = Math.max(chargedBytes, heldBytes);
    if (!hasBegun && decoder.head !== undefined) {
      hasBegun = true;
      await passHead(decoder.head, put, call);
    }
    if (views.length > 0) await put.body(views);
  }
  const late = decoder.end();
  if (!hasBegun && decoder.head !== undefined) await passHead(decoder.head, put, call);
  if (late.length > 0) await put.body(late);
  const { batchKind } = put;
  put.end(decoder.appMetadata);
  // The schema is kept until the put ends, so its charge stays too.
  if (batchKind !== undefined) call.releaseCollected(chargedBytes);
  return batchKind;
}

/** The first message names the target; it may be a descriptor alone, and only it may be. */
async function passHead(head: FlightDataHead, put: IncomingPut, { facts }: ServerCall): Promise<void> {
  const isFirst = put.target === undefined;
  if (put.target === undefined) {
    if (head.descriptor === undefined) {
      throw new CacheError("INVALID_REQUEST", "the first message of a put has no descriptor");
    }
    put.target = parsePutTarget(decodeDescriptor(head.descriptor), facts);
  }
  const isAlone = head.dataHeader.length === 0 && head.bodySizeBytes === 0;
  if (!isFirst || !isAlone) await put.head(head);
}
