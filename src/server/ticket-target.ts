/**
 * Which object a ticket names. `KEY:5` may be version 5 of KEY, or an object whose own key ends in `:5`.
 *
 * The exact key wins, then the version form. An object that another program wrote beside one that the index knows counts
 * once the index knows it as well. Cost for a ticket with a version: one look into the index; the disk is looked at only
 * while the start's scan is under way, or when the index has neither object.
 */
import type { ObjectCache } from "../cache/object-cache.ts";
import { isCacheError } from "../errors.ts";
import type { FlightTicket } from "../flight/ticket.ts";
import { type ObjectKey, parseObjectKey } from "../object/object-key.ts";

export interface TicketTarget {
  readonly key: ObjectKey;
  readonly keyText: string;
  /** undefined: the ticket has no version. */
  readonly heldVersion: number | undefined;
}

/** @returns a promise only if the disk has to be read. @throws {CacheError} INVALID_KEY */
export function ticketTarget(cache: ObjectCache, parsed: FlightTicket): TicketTarget | Promise<TicketTarget> {
  const { text, key: keyText, heldVersion } = parsed;
  if (heldVersion === undefined) return asVersion(parsed);
  const other = keyOf(keyText);
  const exact =
    other === undefined ? keyOf(text) : { ...other, objectId: text.slice(text.lastIndexOf("/") + 1) };
  if (exact === undefined) return asVersion(parsed);
  if (cache.isIndexed(exact) === false && other !== undefined && cache.isIndexed(other) === true) {
    return { key: other, keyText, heldVersion };
  }
  return exactOrVersion(cache, parsed);
}

async function exactOrVersion(cache: ObjectCache, parsed: FlightTicket): Promise<TicketTarget> {
  const { text } = parsed;
  const exact = keyOf(text);
  const isObject = exact !== undefined && (await cache.find(exact)) !== undefined;
  return isObject ? { key: exact, keyText: text, heldVersion: undefined } : asVersion(parsed);
}

function asVersion({ key: keyText, heldVersion }: FlightTicket): TicketTarget {
  return { key: parseObjectKey(keyText), keyText, heldVersion };
}

/** Undefined for what cannot be a key. */
function keyOf(text: string): ObjectKey | undefined {
  try {
    return parseObjectKey(text);
  } catch (error) {
    if (isCacheError(error, "INVALID_KEY")) return undefined;
    throw error;
  }
}
