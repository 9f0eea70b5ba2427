/**
 * How the work of a call is to be done: how durably and for how long, as its headers say, and whether it is still wanted.
 * Read before its bytes are taken.
 */
import type { ServerCall } from "../grpc/call.ts";
import type { Durability } from "../storage/object-storage.ts";
import { callDurability } from "./call-durability.ts";
import { callTtl } from "./call-lifetime.ts";
import type { ServiceContext } from "./service-context.ts";

export interface CallTerms {
  readonly durability: Durability;
  /** ms; 0: without end; undefined: nothing was said. */
  readonly ttlMs: number | undefined;
  /** Throws the reason when the call is over: what was cancelled must not become an object. */
  readonly throwIfOver: () => void;
  /** The call's: what the log says of it. */
  readonly facts?: Record<string, unknown> | undefined;
}

/** @throws {CacheError} INVALID_REQUEST, NOT_IMPLEMENTED */
export function callTerms(context: ServiceContext, call: ServerCall): CallTerms {
  const throwIfOver = (): void => call.throwIfOver();
  const { facts } = call;
  return { durability: callDurability(context, call), ttlMs: callTtl(call), throwIfOver, facts };
}
