/**
 * The tests of the suite: one for each attack, and the table of all of them behind the last.
 *
 * What a test asserts is the list of faults, so that a failure says them all. The table judges everything, times as well, which no
 * test does: they hold on a quiet machine only.
 */
import { afterAll, expect, it } from "vitest";
import type { Attack } from "./attack-run.ts";
import { type MeasureOptions, measureAttack } from "./measure-attack.ts";
import type { Measured, Skipped } from "./measured.ts";
import { faultsOf, type VerdictOptions, verdictTable } from "./verdict.ts";

/** Start, preparation, idle time, recovery and what a loaded machine makes of them. */
const AROUND_MS = 180_000;

export function itStandsAgainst(attacks: readonly Attack[], options: MeasureOptions & VerdictOptions): void {
  const all: (Measured | Skipped)[] = [];
  afterAll(() => void process.stdout.write(`\n${verdictTable(all, { judges: "everything" })}`));
  const titled = attacks.map((attack) => [attack.what, attack] as const);
  it.each(titled)("stands when %s", { timeout: AROUND_MS }, async (_, attack) => {
    const measured = await measureAttack(attack, options);
    all.push(measured);
    expect(faultsOf(measured, options)).toEqual([]);
  });
}
