/**
 * Decides what one identity may do: rules that allow or deny verbs on patterns. Pure.
 *
 * A deny rule wins over every allow rule, and what no rule allows is denied. An operation on many
 * objects, such as a delete of a session, needs one allow rule that covers all of them, and no deny
 * rule may match any of them. A list instead leaves out the objects that the caller may not list.
 */
import type { KeyPattern } from "../object/object-key.ts";
import { KeyGlob, namesOf } from "./key-glob.ts";

/**
 * `get` reads objects and their schemas. `put` creates and replaces them, pins them and sets their
 * times to live. `patch` appends. `delete` removes. `list` shows which objects exist. `admin` reads
 * metrics, the configuration and the log.
 */
export const ACCESS_VERBS = ["get", "put", "patch", "delete", "list", "admin"] as const;

export type AccessVerb = (typeof ACCESS_VERBS)[number];

/** One rule, as written. */
export interface AccessRule {
  readonly effect: "allow" | "deny";
  readonly verbs: readonly AccessVerb[];
  /** Texts of KeyGlob. */
  readonly patterns: readonly string[];
}

/** The objects of a list that the caller may see: all, only those that it may list, or none. */
export type ListScope = "all" | "some" | "none";

const EVERYTHING: KeyPattern = { scope: "all" };

interface CompiledRule {
  readonly effect: "allow" | "deny";
  readonly globs: readonly KeyGlob[];
}

export class AccessPolicy {
  readonly #rules = new Map<AccessVerb, CompiledRule[]>();
  /** True if every verb is allowed on everything. */
  readonly allowsEverything: boolean;

  /** @param identity replaces `${identity}`. @throws {CacheError} INVALID_CONFIG for a wrong pattern. */
  constructor(rules: readonly AccessRule[], identity: string) {
    for (const { effect, verbs, patterns } of rules) {
      const rule = { effect, globs: patterns.map((text) => KeyGlob.parse(text, identity)) };
      for (const verb of verbs) this.#rulesOf(verb).push(rule);
    }
    this.allowsEverything = ACCESS_VERBS.every((verb) => this.allows(verb, EVERYTHING));
  }

  allows(verb: AccessVerb, pattern: KeyPattern): boolean {
    const names = namesOf(pattern);
    let isAllowed = false;
    for (const { effect, globs } of this.#rules.get(verb) ?? []) {
      if (effect === "deny" && globs.some((glob) => glob.overlaps(pattern, names))) return false;
      isAllowed ||= effect === "allow" && globs.some((glob) => glob.covers(pattern, names));
    }
    return isAllowed;
  }

  /** Which of the objects of a pattern the caller may list. */
  listScope(pattern: KeyPattern): ListScope {
    if (this.allows("list", pattern)) return "all";
    const allowed = (this.#rules.get("list") ?? []).filter(({ effect }) => effect === "allow");
    const isAnyAllowed = allowed.some(({ globs }) => globs.some((glob) => glob.overlaps(pattern)));
    return isAnyAllowed && pattern.scope !== "object" ? "some" : "none";
  }

  #rulesOf(verb: AccessVerb): CompiledRule[] {
    const rules = this.#rules.get(verb) ?? [];
    this.#rules.set(verb, rules);
    return rules;
  }
}
