/**
 * The history of calls on keys, and the check that one order explains it.
 *
 * Each call has a unique value, and versions give the order of the changes of a key, so the check
 * is linear: versions are unique and rise in real time, what a read shows was written once and in
 * its place, and nothing that was acknowledged is missing. search-order.ts checks short histories
 * without the use of versions.
 */

/** What a read shows. `version` 0: there is no manifest. */
export interface Shown {
  readonly isLive: boolean;
  readonly version: number;
  readonly baseVersion: number;
  /** The values of base and patches, in order. */
  readonly values: readonly string[];
}

export type Outcome =
  | { readonly kind: "written"; readonly version: number }
  | { readonly kind: "read"; readonly shown: Shown }
  /** There was an object of this version; its values were not shown. */
  | { readonly kind: "seen"; readonly version: number }
  /** Nothing was changed, because of what was there. */
  | { readonly kind: "refused" }
  /** May have been applied, or may be still. */
  | { readonly kind: "unknown" };

export interface Call {
  readonly verb: "put" | "patch" | "delete" | "get" | "create" | "update" | "renew" | "list";
  readonly key: string;
  readonly value: string;
  /** Moments in one order over all replicas. */
  readonly begun: number;
  /** Infinity: without an answer. */
  ended: number;
  outcome: Outcome;
}

const MAKES_VERSIONS: ReadonlySet<Call["verb"]> = new Set(["put", "patch", "create", "update"]);

export interface Verdict {
  readonly violations: string[];
  /** Comparisons that could have failed. */
  readonly checks: number;
}

export function checkHistory(calls: readonly Call[]): Verdict {
  const byKey = new Map<string, Call[]>();
  for (const call of calls) {
    const known = byKey.get(call.key);
    if (known === undefined) byKey.set(call.key, [call]);
    else known.push(call);
  }
  const violations: string[] = [];
  let checks = 0;
  for (const [key, ofKey] of byKey) {
    const check = new KeyCheck(ofKey);
    check.run();
    violations.push(...check.violations.map((text) => `${key}: ${text}`));
    checks += check.checks;
  }
  return { violations, checks };
}

class KeyCheck {
  readonly violations: string[] = [];
  checks = 0;
  readonly #calls: readonly Call[];
  /** Acknowledged values by version. */
  readonly #acknowledged = new Map<number, Call>();
  readonly #written = new Map<string, Call>();
  /** Where each value was shown. */
  readonly #places = new Map<string, number>();

  constructor(calls: readonly Call[]) {
    this.#calls = calls;
  }

  run(): void {
    for (const call of this.#calls) this.#learn(call);
    for (const call of this.#calls) {
      if (call.outcome.kind !== "read") continue;
      this.#checkShown(call, call.outcome.shown);
      this.#checkAbsence(call, call.outcome.shown);
    }
    this.#checkRealTime();
  }

  #learn(call: Call): void {
    if (!MAKES_VERSIONS.has(call.verb)) return;
    this.#written.set(call.value, call);
    if (call.outcome.kind !== "written") return;
    const { version } = call.outcome;
    this.#expect(!this.#acknowledged.has(version), `version ${version} was acknowledged twice`);
    this.#acknowledged.set(version, call);
  }

  #checkShown(call: Call, { isLive, baseVersion, version, values }: Shown): void {
    if (!isLive) return;
    this.#expect(values.length === version - baseVersion + 1, `version ${version} does not show all patches`);
    for (const [index, value] of values.entries()) {
      const place = baseVersion + index;
      const acknowledged = this.#acknowledged.get(place);
      const expected = acknowledged?.value ?? value;
      this.#expect(value === expected, `version ${place} shows ${value}, but ${expected} was acknowledged`);
      const earlier = this.#places.get(value) ?? place;
      this.#expect(earlier === place, `${value} was applied as version ${earlier} and as ${place}`);
      this.#places.set(value, place);
      const writer = this.#written.get(value);
      this.#expect(
        writer !== undefined && writer.begun < call.ended,
        `${value} was shown before it was written`,
      );
      this.#expect(writer?.outcome.kind !== "refused", `${value} was refused and is shown`);
      const isBase = writer?.verb !== "patch";
      this.#expect(
        isBase === (index === 0),
        `${value} is in a place for ${index === 0 ? "a base" : "patches"}`,
      );
    }
  }

  /** Only a delete explains that an acknowledged object is not there. */
  #checkAbsence(read: Call, { isLive, version }: Shown): void {
    if (isLive || version > 0) return;
    const before = this.#calls.filter((call) => call.ended < read.begun && call.outcome.kind === "written");
    const highest = Math.max(0, ...before.map(versionOf));
    if (highest === 0) return;
    const deletes = this.#calls.filter((call) => call.verb === "delete" && call.begun < read.ended);
    const isExplained = deletes.some((call) => call.outcome.kind === "unknown" || versionOf(call) >= highest);
    this.#expect(isExplained, `version ${highest} was acknowledged and is not there`);
  }

  /** No call shows or makes an older state than a call that had ended before it began. */
  #checkRealTime(): void {
    const ranked = this.#calls.flatMap((call) => {
      const rank = rankOf(call);
      return rank === undefined ? [] : [{ call, rank }];
    });
    const ends = ranked.toSorted((one, other) => one.call.ended - other.call.ended);
    let next = 0;
    let highest = -1;
    for (const { call, rank } of ranked.toSorted((one, other) => one.call.begun - other.call.begun)) {
      while (next < ends.length && ends[next]!.call.ended < call.begun) {
        highest = Math.max(highest, ends[next]!.rank);
        next += 1;
      }
      const isNewer = MAKES_VERSIONS.has(call.verb) ? rank > highest : rank >= highest;
      this.#expect(isNewer, `${call.verb} of rank ${rank} began after rank ${highest} had been seen`);
    }
  }

  #expect(holds: boolean, text: string): void {
    this.checks += 1;
    if (!holds) this.violations.push(text);
  }
}

/** Place in the order of a key's states: a tombstone is behind the version that it keeps. */
function rankOf({ outcome, verb }: Call): number | undefined {
  if (outcome.kind === "written") return 2 * outcome.version + (verb === "delete" ? 1 : 0);
  if (outcome.kind === "seen") return 2 * outcome.version;
  if (outcome.kind !== "read") return undefined;
  const { shown } = outcome;
  // Without a manifest nothing is known about the versions before.
  if (!shown.isLive && shown.version === 0) return undefined;
  return 2 * shown.version + (shown.isLive ? 0 : 1);
}

function versionOf({ outcome }: Call): number {
  return outcome.kind === "written" ? outcome.version : 0;
}
