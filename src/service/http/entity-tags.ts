/**
 * Entity tags of objects, and the conditions `If-Match` and `If-None-Match`. Pure.
 *
 *     "7"              version 7, in the default form of the object
 *     "7.file"         the same in another form: its bytes are different
 *     "7-4f1c09aa"     with storage `none`, whose versions begin anew with each run of the server
 *
 * A condition of a write counts the version only, so it accepts the tag of every form, and a bare
 * number. Source: RFC 9110, "Conditional Requests".
 */
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";

/** Makes the tags of one run of a server. */
export class EntityTags {
  readonly #run: string;

  /** @param run the run of the server, if versions begin anew with each; else undefined. */
  constructor(run: string | undefined) {
    this.#run = run === undefined ? "" : `-${run.slice(0, 8)}`;
  }

  /** @param form undefined for the default form. */
  format(version: number, form?: string): string {
    return `"${version}${this.#run}${form === undefined ? "" : `.${form}`}"`;
  }

  /** True if the tag is of this version, in any form. */
  isOfVersion(tag: string, version: number): boolean {
    const bare = `${version}${this.#run}`;
    const text = tag.startsWith('"') ? tag.slice(1, -1) : tag;
    return text === bare || text.startsWith(`${bare}.`);
  }
}

/** `any` is `*`. Tags keep their quotes; a weak one its `W/`. */
export type TagCondition = "any" | readonly string[];

export interface Conditions {
  readonly ifMatch: TagCondition | undefined;
  readonly ifNoneMatch: TagCondition | undefined;
}

const TAG = /^(?:W\/)?"[\x21\x23-\x7e]*"$|^\d{1,16}$/;

/** @throws {CacheError} INVALID_REQUEST */
export function parseConditions(headers: {
  readonly "if-match"?: string | undefined;
  readonly "if-none-match"?: string | undefined;
}): Conditions {
  return {
    ifMatch: parseTags(headers["if-match"], "if-match"),
    ifNoneMatch: parseTags(headers["if-none-match"], "if-none-match"),
  };
}

function parseTags(header: string | undefined, name: string): TagCondition | undefined {
  if (header === undefined) return undefined;
  if (header.trim() === "*") return "any";
  const tags = header.split(",", LIMITS.httpEntityTagsMax + 1).map((tag) => tag.trim());
  if (tags.length > LIMITS.httpEntityTagsMax || tags.some((tag) => !TAG.test(tag))) {
    const text = `${name} must be * or at most ${LIMITS.httpEntityTagsMax} entity tags such as "7"`;
    throw new CacheError("INVALID_REQUEST", text);
  }
  return tags;
}

/**
 * Checks a write.
 * @param version of the present object; undefined if there is none.
 * @throws {CacheError} PRECONDITION_FAILED
 */
export function checkWrite(conditions: Conditions, tags: EntityTags, version: number | undefined): void {
  const { ifMatch, ifNoneMatch } = conditions;
  if (ifMatch !== undefined && !holds(ifMatch, tags, version)) {
    const present = version === undefined ? "there is no object" : `the object has version ${version}`;
    throw new CacheError("PRECONDITION_FAILED", `if-match: ${present}`);
  }
  if (ifNoneMatch !== undefined && holds(ifNoneMatch, tags, version)) {
    throw new CacheError("PRECONDITION_FAILED", `if-none-match: the object has version ${version}`);
  }
}

/** True if `If-Match` of a read holds. */
export function mayRead({ ifMatch }: Conditions, tags: EntityTags, version: number): boolean {
  return ifMatch === undefined || holds(ifMatch, tags, version);
}

/** True if the client has this form of this version, so that nothing is sent. */
export function isHeld({ ifNoneMatch }: Conditions, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch === "any" || ifNoneMatch.some((tag) => tag === etag || tag === `W/${etag}`);
}

/** A weak tag never matches. */
function holds(condition: TagCondition, tags: EntityTags, version: number | undefined): boolean {
  if (version === undefined) return false;
  return condition === "any" || condition.some((tag) => tags.isOfVersion(tag, version));
}
