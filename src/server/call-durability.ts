/**
 * What the answer to a put or a delete promises: the server's setting, or more where the call asks for it.
 *
 *     flame-durability: restart | power-loss
 *
 * A call cannot ask for less than the server promises: objects are shared, and one client's hurried put must not put at risk what
 * another was told is safe.
 */
import { CacheError } from "../errors.ts";
import type { ServerCall } from "../grpc/call.ts";
import type { Durability } from "../storage/object-storage.ts";
import type { ServiceContext } from "./service-context.ts";

export const DURABILITY_HEADER = "flame-durability";

/**
 * Asked before a call's bytes are taken.
 * @throws {CacheError} INVALID_REQUEST for a value nobody knows, NOT_IMPLEMENTED where the storage keeps nothing.
 */
export function callDurability(context: ServiceContext, call: ServerCall): Durability {
  const asked = call.metadata.get(DURABILITY_HEADER);
  if (asked === undefined) return context.durability;
  if (asked !== "restart" && asked !== "power-loss") {
    throw new CacheError("INVALID_REQUEST", `${DURABILITY_HEADER} must be restart or power-loss`);
  }
  if (context.cache.isVolatile) {
    throw new CacheError(
      "NOT_IMPLEMENTED",
      "the server keeps objects in memory only: no durability can be promised",
    );
  }
  return asked === "power-loss" ? asked : context.durability;
}
