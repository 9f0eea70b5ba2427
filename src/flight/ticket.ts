/**
 * Tickets: the text that names a requested object and the version that the client holds.
 *
 * | text    | meaning                                                        |
 * |---------|----------------------------------------------------------------|
 * | `KEY`   | the object as it was put                                       |
 * | `KEY:V` | the object, for a client that holds version V; 0 means none    |
 *
 * The text is split at the last `:` if only digits, at least one, follow (docs/protocol.md,
 * "DoGet"). Keys may contain `:`, so the whole text may be the key of an object as well: the server
 * looks for that one first (service/flight/ticket-target.ts). The key is not checked here.
 */
import { assert } from "../errors.ts";
import { decodeText } from "./text.ts";

export interface FlightTicket {
  /** All of the ticket. */
  readonly text: string;
  readonly key: string;
  /**
   * undefined: the ticket has no version. Infinity: above every possible version (over 2^53 - 1).
   */
  readonly heldVersion: number | undefined;
}

/**
 * Parses the bytes inside a Ticket message (decodeTicket decodes the message itself).
 * @throws {CacheError} INVALID_REQUEST if they are not UTF-8.
 */
export function parseTicket(bytes: Uint8Array): FlightTicket {
  const text = decodeText(bytes, "the ticket");
  const colon = text.lastIndexOf(":");
  if (colon < 0 || colon === text.length - 1 || !onlyDigits(text, colon + 1)) {
    return { text, key: text, heldVersion: undefined };
  }
  const version = Number(text.slice(colon + 1));
  return {
    text,
    key: text.slice(0, colon),
    heldVersion: Number.isSafeInteger(version) ? version : Number.POSITIVE_INFINITY,
  };
}

/** The bytes for a Ticket message. */
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
