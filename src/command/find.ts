/**
 * `find [PREFIX]`: prints the keys of the objects that match all conditions: name, type, size,
 * time.
 *
 * A name pattern matches the whole key: `*` is any text, `?` any character. The server lists all
 * objects under the prefix; this file filters them.
 */

import { type ListOptions, printObjects } from "./list-objects.ts";
import { modifiedOf, objectsUnder } from "./listed-objects.ts";
import type { ObjectFacts } from "./object-info.ts";
import type { VerbRun } from "./verb.ts";

export interface FindOptions extends ListOptions {
  readonly name?: string;
  readonly type?: string;
  /** Bytes. */
  readonly larger?: number;
  readonly smaller?: number;
  /** ms since 1970. */
  readonly newer?: number;
  readonly older?: number;
  /** True: prints the same lines as `ls`. */
  readonly long?: boolean;
}

export async function find(prefix: string, options: FindOptions, run: VerbRun): Promise<"ok"> {
  const client = run.open(options);
  const objects = objectsUnder(client, prefix, { signal: run.signal, withFacts: true });
  await printObjects(matching(objects, options), { ...options, keys: options.long !== true }, run);
  return "ok";
}

async function* matching(
  objects: AsyncIterable<ObjectFacts>,
  options: FindOptions,
): AsyncGenerator<ObjectFacts> {
  const isWanted = conditionOf(options);
  for await (const facts of objects) if (isWanted(facts)) yield facts;
}

function conditionOf(options: FindOptions): (facts: ObjectFacts) => boolean {
  const { name, type, larger, smaller, newer, older } = options;
  const conditions: ((facts: ObjectFacts) => boolean)[] = [];
  if (name !== undefined) conditions.push(({ key }) => isLike(key, name));
  if (type !== undefined) conditions.push((facts) => facts.kind === type || facts.type?.name === type);
  if (larger !== undefined) conditions.push(({ sizeBytes }) => sizeBytes > larger);
  if (smaller !== undefined) conditions.push(({ sizeBytes }) => sizeBytes < smaller && sizeBytes >= 0);
  if (newer !== undefined) conditions.push((facts) => modifiedOf(facts) >= newer);
  if (older !== undefined) conditions.push((facts) => modifiedOf(facts) < older);
  return (facts) => conditions.every((condition) => condition(facts));
}

/**
 * Whether a text matches a pattern of `*` and `?`. Backtracks only to the last `*`, so the time is
 * at most the product of the lengths; a regular expression with many stars could take far longer.
 */
export function isLike(text: string, pattern: string): boolean {
  let at = 0;
  let position = 0;
  let star = -1;
  let starPosition = 0;
  while (position < text.length) {
    if (pattern[at] === "*") {
      star = at++;
      starPosition = position;
    } else if (at < pattern.length && (pattern[at] === "?" || pattern[at] === text[position])) {
      at += 1;
      position += 1;
    } else if (star >= 0) {
      at = star + 1;
      position = ++starPosition;
    } else return false;
  }
  while (pattern[at] === "*") at += 1;
  return at === pattern.length;
}
