/**
 * A pattern over object keys in an access rule.
 *
 *     *                        every object
 *     app/*                    the objects of one application
 *     app/session/*            the objects of one session
 *     app/session/object       one object
 *
 * Inside a component, `*` matches any number of characters: `app/run-*\/*`. `${identity}` stands for
 * the name of the caller. Matching is linear in the length of the component, so that a pattern with
 * many stars cannot slow down a call.
 */
import { CacheError } from "../errors.ts";
import { checkKeyComponent, type KeyPattern } from "../object/object-key.ts";

const IDENTITY = "${identity}";
const COMPONENTS = 3;

type MatchesName = (component: string) => boolean;

const always: MatchesName = () => true;

export class KeyGlob {
  /** One for each component; missing components match everything. */
  readonly #components: readonly MatchesName[];

  private constructor(components: readonly MatchesName[]) {
    this.#components = components;
  }

  /**
   * @param identity the name that replaces `${identity}`
   * @throws {CacheError} INVALID_CONFIG if it is not a pattern.
   */
  static parse(text: string, identity: string): KeyGlob {
    if (text === "*") return new KeyGlob([always, always, always]);
    const parts = text.split("/", COMPONENTS + 1);
    const isPrefix = parts.length === 2 && parts[1] === "*";
    if (parts.length !== COMPONENTS && !isPrefix) throw notPattern(text);
    const components = parts.map((part) => componentMatcher(part, identity, text));
    return new KeyGlob(isPrefix ? [...components, always] : components);
  }

  /**
   * True if every object of `pattern` matches.
   * @param names of the pattern; pass them to compare several globs with one pattern.
   */
  covers(pattern: KeyPattern, names: readonly string[] = namesOf(pattern)): boolean {
    for (let index = 0; index < COMPONENTS; index += 1) {
      const name = names[index];
      const matches = this.#components[index]!;
      if (name === undefined ? matches !== always : !matches(name)) return false;
    }
    return true;
  }

  /** True if an object of `pattern` may match. */
  overlaps(pattern: KeyPattern, names: readonly string[] = namesOf(pattern)): boolean {
    for (let index = 0; index < names.length; index += 1) {
      if (!this.#components[index]!(names[index]!)) return false;
    }
    return true;
  }
}

/** The components that a pattern names. */
export function namesOf(pattern: KeyPattern): readonly string[] {
  switch (pattern.scope) {
    case "all":
      return [];
    case "application":
      return [pattern.applicationId];
    case "session":
      return [pattern.applicationId, pattern.sessionId];
    case "object":
      return [pattern.key.applicationId, pattern.key.sessionId, pattern.key.objectId];
  }
}

function componentMatcher(part: string, identity: string, text: string): MatchesName {
  if (part === "*") return always;
  // Split before the name is inserted: a name that contains a star stays literal.
  const pieces = part.split("*").map((piece) => piece.replaceAll(IDENTITY, identity));
  try {
    checkKeyComponent(pieces.join("x"));
  } catch {
    throw notPattern(text);
  }
  if (pieces.length === 1) return (name) => name === pieces[0];
  return (name) => matchesPieces(name, pieces);
}

/** The first piece is a prefix, the last a suffix, and the others follow each other in between. */
function matchesPieces(name: string, pieces: readonly string[]): boolean {
  const prefix = pieces[0]!;
  const suffix = pieces.at(-1)!;
  if (name.length < prefix.length + suffix.length) return false;
  if (!name.startsWith(prefix) || !name.endsWith(suffix)) return false;
  let from = prefix.length;
  const end = name.length - suffix.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = name.indexOf(piece, from);
    if (found < 0 || found + piece.length > end) return false;
    from = found + piece.length;
  }
  return true;
}

function notPattern(text: string): CacheError {
  return new CacheError(
    "INVALID_CONFIG",
    `a pattern must be *, app/*, app/session/* or app/session/object: got ${JSON.stringify(text.slice(0, 100))}`,
    { facts: { value: text.slice(0, 100) } },
  );
}
