/**
 * What a power loss may leave, by what the clients were told before it.
 *
 * A version counts as promised if a put or a delete that was answered with `power-loss` was at or
 * above it: no later put may get it again, even if the object was deleted since. But an object that
 * was replaced with `restart` since may be lost with its version.
 */

import type { Random } from "../../support/random.ts";
import type { Told } from "./clients.ts";
import type { Choose } from "./disk-model.ts";
import { KEYS, type Recorded, type Survived } from "./machine.ts";

export interface Wrong {
  readonly key: string;
  readonly state: string;
  readonly next: number;
  readonly allowed: readonly string[];
  readonly above: number;
  readonly cut: number;
  /** What happened to the key, in short. */
  readonly story: readonly string[];
}

/** What does not hold of what survived a power loss at `cut`. */
export function wrongs(
  { told, before }: Recorded,
  cut: number,
  { states, next, earlier }: Survived & { readonly earlier?: readonly ReadonlySet<string>[] },
): Wrong[] {
  return KEYS.flatMap((key, client) => {
    const { allowed, above, isOnlyDamaged } = allowedAfter(told[client]!, before[client]!, cut);
    // What a torn file hid is found when that is lost.
    if (isOnlyDamaged) for (const each of earlier?.[client] ?? []) allowed.add(each);
    const found = { state: states[client]!, next: next[client]! };
    if (allowed.has(found.state) && found.next > above) return [];
    const story = told[client]!.map(
      (each) => `${each.kind} ${each.durability} ${each.asked}-${each.answered}: ${each.state.slice(0, 20)}`,
    );
    return [{ key, ...found, allowed: [...allowed], above, cut, story: [before[client]!, ...story] }];
  });
}

function allowedAfter(
  told: readonly Told[],
  before: string,
  cut: number,
): { readonly allowed: Set<string>; readonly above: number; readonly isOnlyDamaged: boolean } {
  const begun = told.filter(({ asked }) => asked <= cut);
  const last = begun.findLastIndex(
    ({ durability, answered }) => durability === "power-loss" && answered <= cut,
  );
  const later = begun.slice(last + 1);
  const promised = begun[last];
  const allowed = new Set([promised?.state ?? before, ...later.map(({ state }) => state)]);
  // Only what was done since without that promise may have torn what is there. A damaged object
  // that was read is in quarantine.
  const unsafe = later.filter(({ durability }) => durability === "restart");
  if (unsafe.length > 0 || allowed.has("damaged"))
    for (const each of ["absent", "damaged"]) allowed.add(each);
  const mayBeLost = unsafe.some(({ kind }) => kind !== "delete" && kind !== "deleteSession");
  const isOnlyDamaged = promised === undefined && before === "damaged";
  return { allowed, above: mayBeLost ? 0 : (promised?.highest ?? 0), isOnlyDamaged };
}

/** For each key what it may hold after a power loss at `cut`. */
export function allowedStates({ told, before }: Recorded, cut: number): ReadonlySet<string>[] {
  return KEYS.map((_, client) => allowedAfter(told[client]!, before[client]!, cut).allowed);
}

/** Nothing unsynced is left; every name is left and no bytes; anything. */
export function adversaries(random: Random): Choose[] {
  return [() => 0, (count) => (count === 4 ? random.below(3) : count - 1), (count) => random.below(count)];
}

/** The end; then by turns any moment, and the moment of an answer, when a promise is youngest. */
export function cutAt(nth: number, { told, end }: Recorded, random: Random): number {
  if (nth === 0) return end;
  const answers = told.flat().map(({ answered }) => answered);
  return nth % 2 === 0 || answers.length === 0
    ? random.below(end + 1)
    : answers[random.below(answers.length)]!;
}
