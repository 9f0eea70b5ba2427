/**
 * The replicas that answer for the same objects, as a server names them to its clients
 * (docs/protocol.md, "Replicas").
 *
 *     flame-replicas: TAG      call header of a get or put: the list that the client has; empty: none
 *     flame.cache.replicas     schema metadata of the answer to a get, if the list is another one:
 *                              endpoints, in the order of their bytes, with a space between them.
 *                              A put is answered with the same text in a second PutResult
 *
 * The tag is the CRC-32 of this text as eight hex digits. In a FlightEndpoint the same endpoints
 * are locations, the owner of the key first and REUSE_CONNECTION last.
 */
import { crc32 } from "node:zlib";
import type { FlightEndpoint } from "./messages.ts";

export const REPLICAS_HEADER = "flame-replicas";
/**
 * The expiration_time of an object without an end: Flight's way to say that a get may be repeated.
 */
export const NO_END = new Date("2200-01-01T00:00:00Z");

/** When an object ends; undefined: never, or not reported. */
export function endOf(endpoint: Pick<FlightEndpoint, "expirationTime"> | undefined): Date | undefined {
  const end = endpoint?.expirationTime;
  return end?.getTime() === NO_END.getTime() ? undefined : end;
}

/** Get the ticket from the server that sent it. */
export const REUSE_CONNECTION = "arrow-flight-reuse-connection://?";

export interface ReplicaList {
  readonly replicas: readonly string[];
  readonly text: string;
  readonly tag: string;
}

export function replicaList(replicas: readonly string[]): ReplicaList {
  const sorted = replicas.toSorted();
  const text = sorted.join(" ");
  return { replicas: sorted, text, tag: replicaListTag(text) };
}

export function replicaListTag(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}
