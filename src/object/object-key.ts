/**
 * The name of an object, `application_id/session_id/object_id`, and prefixes that match many
 * objects.
 *
 * Parsed once at the entry point: the parts of an ObjectKey are safe as file names (PROTOCOL,
 * "Keys"): 1 to 200 bytes of UTF-8, no separator, no control character, no leading dot, no `*`.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

export interface ObjectKey {
  readonly applicationId: string;
  readonly sessionId: string;
  readonly objectId: string;
}

/** `app/session`: one session. */
export interface SessionPrefix {
  readonly applicationId: string;
  readonly sessionId: string;
}

/** The scope of a list or delete: everything, an application, a session, or one object. */
export type KeyPattern =
  | { readonly scope: "all" }
  | { readonly scope: "application"; readonly applicationId: string }
  | ({ readonly scope: "session" } & SessionPrefix)
  | { readonly scope: "object"; readonly key: ObjectKey };

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f/\\]/;

/**
 * Checks one component of a key.
 * @throws {CacheError} INVALID_KEY if it breaks a rule; the text names the rule, not the component.
 */
export function checkKeyComponent(component: string): string {
  const broken = brokenRule(component);
  if (broken !== undefined) throw new CacheError("INVALID_KEY", `a key component ${broken}`);
  return component;
}

function brokenRule(component: string): string | undefined {
  if (component.length === 0) return "is empty";
  if (
    component.length > LIMITS.keyComponentBytesMax ||
    Buffer.byteLength(component) > LIMITS.keyComponentBytesMax
  ) {
    return `is longer than ${LIMITS.keyComponentBytesMax} bytes`;
  }
  if (component.startsWith(".")) return "begins with a dot";
  if (component === "*") return "is a wildcard";
  if (FORBIDDEN.test(component)) return "has a separator or a control character";
  if (!component.isWellFormed()) return "is not valid Unicode";
  return undefined;
}

/** Parses `application_id/session_id/object_id`. @throws {CacheError} INVALID_KEY */
export function parseObjectKey(text: string): ObjectKey {
  const parts = text.split("/", 4);
  if (parts.length !== 3) {
    throw new CacheError("INVALID_KEY", "a key has three components: application_id/session_id/object_id");
  }
  return {
    applicationId: checkKeyComponent(parts[0]!),
    sessionId: checkKeyComponent(parts[1]!),
    objectId: checkKeyComponent(parts[2]!),
  };
}

/** Parses `application_id/session_id`. @throws {CacheError} INVALID_KEY */
export function parseSessionPrefix(text: string): SessionPrefix {
  const parts = text.split("/", 3);
  if (parts.length !== 2) {
    throw new CacheError("INVALID_KEY", "a prefix has two components: application_id/session_id");
  }
  return { applicationId: checkKeyComponent(parts[0]!), sessionId: checkKeyComponent(parts[1]!) };
}

/** The text of a key, as clients write it. */
export function formatObjectKey(key: ObjectKey): string {
  return `${key.applicationId}/${key.sessionId}/${key.objectId}`;
}

/** The text of a pattern, as clients write it: `*`, `app/*`, `app/session` or a key. */
export function formatKeyPattern(pattern: KeyPattern): string {
  switch (pattern.scope) {
    case "all":
      return "*";
    case "application":
      return `${pattern.applicationId}/*`;
    case "session":
      return `${pattern.applicationId}/${pattern.sessionId}`;
    case "object":
      return formatObjectKey(pattern.key);
  }
}

/** Copies a text: a substring retains the longer text, a joined text all its parts. */
export function ownText(text: string): string {
  return Buffer.from(text).toString();
}
