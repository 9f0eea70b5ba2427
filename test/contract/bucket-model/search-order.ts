/**
 * Searches an order of the calls on one key that a plain object explains (Wing and Gong, with
 * remembered states). It knows no versions, operations or manifests.
 *
 * Exponential at worst: for short histories.
 */
import type { Call } from "./history.ts";

/** Base and patches; undefined: no object. */
type State = readonly string[] | undefined;

export function hasOrder(calls: readonly Call[]): boolean {
  return search(
    calls.toSorted((one, other) => one.begun - other.begun),
    new Set(),
    undefined,
    new Set(),
  );
}

function search(calls: readonly Call[], done: Set<Call>, state: State, seen: Set<string>): boolean {
  const left = calls.filter((call) => !done.has(call));
  if (left.every((call) => call.outcome.kind === "unknown")) return true;
  const place = `${left.map((call) => calls.indexOf(call)).join()}|${state?.join()}`;
  if (seen.has(place)) return false;
  seen.add(place);
  const firstEnd = Math.min(...left.map((call) => call.ended));
  // Calls that may never have happened come last: most orders do without them.
  const isUnknown = (call: Call): number => (call.outcome.kind === "unknown" ? 1 : 0);
  const next = left.filter((call) => call.begun < firstEnd);
  for (const call of next.toSorted((one, other) => isUnknown(one) - isUnknown(other))) {
    const after = apply(call, state);
    if (after === "impossible") continue;
    if (search(calls, new Set([...done, call]), after.state, seen)) return true;
  }
  return false;
}

function apply(call: Call, state: State): { readonly state: State } | "impossible" {
  const { outcome, verb, value } = call;
  if (outcome.kind === "read") {
    const isSame = outcome.shown.isLive ? outcome.shown.values.join() === state?.join() : state === undefined;
    return isSame ? { state } : "impossible";
  }
  const isPossible = verb === "put" || (verb === "create" ? state === undefined : state !== undefined);
  if (outcome.kind === "refused") {
    // An update is refused because of a version, which this model does not know.
    return isPossible && verb !== "update" ? "impossible" : { state };
  }
  if (!isPossible) return outcome.kind === "unknown" ? { state } : "impossible";
  if (verb === "delete") return { state: undefined };
  return { state: verb === "patch" ? [...(state ?? []), value] : [value] };
}
