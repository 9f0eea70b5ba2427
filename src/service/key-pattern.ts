/**
 * Parses the names with which a list or a delete selects objects (docs/protocol.md, "Other
 * methods").
 *
 *     list    (empty) | app | app/* | app/session | app/session/object
 *     delete  app/* | app/session | app:session | app/session/object
 */
import type { KeyRange } from "../cache/sorted-list.ts";
import { CacheError } from "../errors.ts";
import { checkKeyComponent, type KeyPattern, parseObjectKey } from "../object/object-key.ts";

/** @throws {CacheError} INVALID_KEY */
export function parseListPattern(text: string): KeyPattern {
  if (text === "") return { scope: "all" };
  if (!text.includes("/")) return { scope: "application", applicationId: checkKeyComponent(text) };
  return parseSlashed(text);
}

/**
 * @throws {CacheError} INVALID_KEY, also for a lone application: a forgotten session would delete
 *   too much.
 */
export function parseDeletePattern(text: string): KeyPattern {
  if (text.includes("/")) return parseSlashed(text);
  const parts = text.split(":", 3);
  if (parts.length !== 2) {
    throw new CacheError("INVALID_KEY", "a name to delete must be app/session/object, app/session or app/*");
  }
  return sessionPattern(parts[0]!, parts[1]!);
}

function parseSlashed(text: string): KeyPattern {
  const parts = text.split("/", 3);
  if (parts.length !== 2) return { scope: "object", key: parseObjectKey(text) };
  if (parts[1] === "*") return { scope: "application", applicationId: checkKeyComponent(parts[0]!) };
  return sessionPattern(parts[0]!, parts[1]!);
}

function sessionPattern(applicationId: string, sessionId: string): KeyPattern {
  return {
    scope: "session",
    applicationId: checkKeyComponent(applicationId),
    sessionId: checkKeyComponent(sessionId),
  };
}

/**
 * Parses a text with which keys begin: `run`, `app/se`, `app/session/obj`. Only the last component
 * may be incomplete.
 * @throws {CacheError} INVALID_KEY
 */
export function parseKeyPrefix(text: string): Pick<KeyRange, "pattern" | "prefix"> {
  const prefix = text.split("/", 4);
  if (prefix.length > 3) throw new CacheError("INVALID_KEY", "a prefix of keys has at most three components");
  const last = prefix.at(-1)!;
  const complete = prefix.slice(0, -1).map(checkKeyComponent);
  if (last !== "") checkKeyComponent(last);
  const [applicationId, sessionId] = complete;
  if (applicationId === undefined) return { pattern: { scope: "all" }, prefix };
  if (sessionId === undefined) return { pattern: { scope: "application", applicationId }, prefix };
  return { pattern: { scope: "session", applicationId, sessionId }, prefix };
}
