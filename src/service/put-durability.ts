/**
 * The durability that the answer to a put or a delete promises: the server's setting, or a stronger
 * one that the call requests.
 *
 *     flame-durability: restart | power-loss
 *
 * A call cannot request less than the server's setting. Objects are shared: a weaker put by one
 * client would weaken what the server has promised to another.
 */
import { CacheError } from "../errors.ts";
import type { Durability } from "../storage/object-storage.ts";
import type { ServiceContext } from "./service-context.ts";

export const DURABILITY_HEADER = "flame-durability";

/**
 * Called before the bytes of a call are read.
 * @param requested the header's value.
 * @throws {CacheError} INVALID_REQUEST for an unknown value; NOT_IMPLEMENTED if the storage is
 *   memory only.
 */
export function putDurability(context: ServiceContext, requested: string | undefined): Durability {
  if (requested === undefined) return context.durability;
  if (requested !== "restart" && requested !== "power-loss") {
    throw new CacheError("INVALID_REQUEST", `${DURABILITY_HEADER} must be restart or power-loss`);
  }
  if (!context.cache.capabilities.isDurable) {
    throw new CacheError(
      "NOT_IMPLEMENTED",
      "the server keeps objects in memory only and cannot promise durability",
    );
  }
  return requested === "power-loss" ? requested : context.durability;
}
