/**
 * The terms of a call: the durability and lifetime from its headers, and a check whether the call
 * is over.
 *
 * Read before the bytes of the call.
 */
import type { ServerCall } from "../../grpc/call.ts";
import { addressOfPeer } from "../../grpc/peer-address.ts";
import type { Durability } from "../../storage/object-storage.ts";
import { DURABILITY_HEADER, putDurability } from "../put-durability.ts";
import type { ServiceContext } from "../service-context.ts";
import { parseTtl, TTL_HEADER } from "../time-to-live.ts";

export interface CallTerms {
  readonly durability: Durability;
  /** ms; 0: unlimited; undefined: the header is absent. */
  readonly ttlMs: number | undefined;
  /** Throws the reason if the call is over: a cancelled put must not create an object. */
  readonly throwIfOver: () => void;
  /** The caller, for the event journal. */
  readonly actor: string;
  /** The log fields of the call. */
  readonly facts?: Record<string, unknown> | undefined;
}

/** @throws {CacheError} INVALID_REQUEST, NOT_IMPLEMENTED */
export function callTerms(context: ServiceContext, call: ServerCall): CallTerms {
  const throwIfOver = (): void => call.throwIfOver();
  const { facts, metadata } = call;
  const actor = context.identity.name ?? addressOfPeer(call.peer);
  const durability = putDurability(context, metadata.get(DURABILITY_HEADER));
  return { durability, ttlMs: parseTtl(metadata.get(TTL_HEADER)), throwIfOver, actor, facts };
}
