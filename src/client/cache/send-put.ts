/**
 * One DoPut and the reference it is answered with, which says that the object is stored.
 *
 * Batches carry no app_metadata here: a server that is given some echoes it and sends no reference
 * (docs/protocol.md, "DoPut").
 */
import { CacheError } from "../../errors.ts";
import type { FlightDescriptor } from "../../flight/descriptor.ts";
import type { ObjectRef } from "../../object/object-ref.ts";
import type { FlightCallOptions, FlightClient } from "../flight/flight-client.ts";
import type { OutgoingFlightMessages } from "../flight/outgoing-flight-data.ts";
import { answeredRef } from "./object-target.ts";

/** @throws {CacheError} INVALID_REQUEST when the server does not answer with a reference; its error; what `messages` throws */
export async function sendPut(
  client: FlightClient,
  descriptor: FlightDescriptor,
  messages: OutgoingFlightMessages,
  options: FlightCallOptions,
): Promise<ObjectRef> {
  let ref: ObjectRef | undefined;
  for await (const answer of client.doPut(descriptor, messages, options)) ref ??= answeredRef(answer);
  if (ref !== undefined) return ref;
  throw new CacheError("INVALID_REQUEST", "the server did not answer with a reference: it is no Flame cache");
}
