/**
 * Sends one DoPut and returns the reference in its answer, which confirms that the object is
 * stored.
 *
 * Batches have no app_metadata here: a server echoes app_metadata and then sends no reference
 * (docs/protocol.md, "DoPut").
 */
import { CacheError } from "../../errors.ts";
import type { FlightDescriptor } from "../../flight/descriptor.ts";
import type { ObjectRef } from "../../object/object-ref.ts";
import type { FlightCallOptions, FlightClient } from "../flight/flight-client.ts";
import type { OutgoingFlightMessages } from "../flight/outgoing-flight-data.ts";
import { answeredRef } from "./object-target.ts";

/**
 * @param learn called with the list of replicas, if the answer has one (docs/protocol.md, "Replicas")
 * @throws {CacheError} INVALID_REQUEST if the server answers without a reference; its error; errors
 *   of `messages`
 */
export async function sendPut(
  client: FlightClient,
  descriptor: FlightDescriptor,
  messages: OutgoingFlightMessages,
  { learn, ...options }: FlightCallOptions & { readonly learn: (replicas: string) => void },
): Promise<ObjectRef> {
  let ref: ObjectRef | undefined;
  for await (const answer of client.doPut(descriptor, messages, options)) {
    if (ref === undefined) ref = answeredRef(answer);
    else learn(answer.toString());
  }
  if (ref !== undefined) return ref;
  throw new CacheError("INVALID_REQUEST", "the server answered without a reference: it is not a Flame cache");
}
