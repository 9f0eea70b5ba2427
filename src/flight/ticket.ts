/**
 * Tickets: the text by which a client asks for an object, and says what it already holds.
 *
 * | text    | meaning                                                        |
 * |---------|----------------------------------------------------------------|
 * | `KEY`   | the object as it was put                                       |
 * | `KEY:V` | the object for one who holds version V of it; 0 means none     |
 *
 * The split is at the last `:` when one or more digits, and nothing else, follow (docs/protocol.md,
 * "DoGet"). `:` is legal in keys, so a key that itself ends in `:` and digits cannot be asked for
 * as `KEY`; only `KEY:V` names it. The key is not checked here.
 */
import { assert } from "../errors.ts";
import { decodeText } from "./text.ts";

export interface FlightTicket {
  readonly key: string;
  /** undefined: the ticket has no version. Infinity: digits that no version can reach (over 2^53 - 1). */
  readonly heldVersion: number | undefined;
}

/**
 * Parses the bytes inside a Ticket message (see decodeTicket for the message itself).
 * @throws {CacheError} INVALID_REQUEST when they are not UTF-8.
 */
export function parseTicket(bytes: Uint8Array): FlightTicket {
  const text = decodeText(bytes, "the ticket");
  const colon = text.lastIndexOf(":");
  if (colon < 0 || colon === text.length - 1 || !onlyDigits(text, colon + 1)) {
    return { key: text, heldVersion: undefined };
  }
  const version = Number(text.slice(colon + 1));
  return {
    key: text.slice(0, colon),
    heldVersion: Number.isSafeInteger(version) ? version : Number.POSITIVE_INFINITY,
  };
}

/** The bytes to put into a Ticket message. */
export function formatTicket(key: string, heldVersion?: number): Buffer {
  if (heldVersion === undefined) return Buffer.from(key);
  assert(Number.isSafeInteger(heldVersion) && heldVersion >= 0, "a held version is a safe integer");
  return Buffer.from(`${key}:${heldVersion}`);
}

function onlyDigits(text: string, from: number): boolean {
  for (let index = from; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x30 || unit > 0x39) return false;
  }
  return true;
}
