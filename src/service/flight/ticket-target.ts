/**
 * Resolves a ticket to an object. `KEY:5` may be version 5 of KEY, or an object whose key ends in
 * `:5`.
 *
 * An object with the exact key wins over the version form. If another program has added the exact
 * key to the storage beside an indexed KEY, it wins only after it is in the index. Cost for a
 * ticket with a version: lookups in the index. The disk is read only while the scan of the start
 * runs, or if the index has neither object.
 */
import type { CacheUse } from "../../access/guarded-cache.ts";
import { isCacheError } from "../../errors.ts";
import type { FlightTicket } from "../../flight/ticket.ts";
import { type ObjectKey, parseObjectKey } from "../../object/object-key.ts";

export interface TicketTarget {
  readonly key: ObjectKey;
  readonly keyText: string;
  /** Undefined if the ticket has no version. */
  readonly heldVersion: number | undefined;
}

/** @returns a promise only if the disk may have to be read. @throws {CacheError} INVALID_KEY */
export function ticketTarget(cache: CacheUse, parsed: FlightTicket): TicketTarget | Promise<TicketTarget> {
  const { text, key: keyText, heldVersion } = parsed;
  if (heldVersion === undefined || cache.capabilities.refusesVersionedIds) return asVersion(parsed);
  const other = keyOf(keyText);
  const exact =
    other === undefined ? keyOf(text) : { ...other, objectId: text.slice(text.lastIndexOf("/") + 1) };
  if (exact === undefined) return asVersion(parsed);
  if (cache.isIndexed(exact) === false && other !== undefined && cache.isIndexed(other) === true) {
    return { key: other, keyText, heldVersion };
  }
  return exactOrVersion(cache, parsed);
}

async function exactOrVersion(cache: CacheUse, parsed: FlightTicket): Promise<TicketTarget> {
  const { text } = parsed;
  const exact = keyOf(text);
  const isObject = exact !== undefined && (await cache.find(exact)) !== undefined;
  return isObject ? { key: exact, keyText: text, heldVersion: undefined } : asVersion(parsed);
}

function asVersion({ key: keyText, heldVersion }: FlightTicket): TicketTarget {
  return { key: parseObjectKey(keyText), keyText, heldVersion };
}

/** Undefined if the text is not a valid key. */
function keyOf(text: string): ObjectKey | undefined {
  try {
    return parseObjectKey(text);
  } catch (error) {
    if (isCacheError(error, "INVALID_KEY")) return undefined;
    throw error;
  }
}
