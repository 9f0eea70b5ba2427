/**
 * Golden tables with one byte changed: what the server keeps of them pyarrow's full validation accepts as well, in both forms of a get.
 *
 * A slice of all such tables; test/slow/mutated-tables.test.ts has all of them.
 */
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ValidationLevel } from "../../src/config/cache-config.ts";
import { campaign } from "../support/campaign.ts";
import { goldenTables, MutatedTables, mutationsOf, SOUND, unsound } from "../support/mutated-tables.ts";
import { pythonEnvironment } from "../support/python-environment.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { tellAbsence } from "./python-groups.ts";

const environment = await pythonEnvironment();
const python = "python" in environment ? environment.python : undefined;
tellAbsence("missing" in environment ? environment.missing : undefined);

const GOLDEN = await goldenTables();
/** Every so many bytes, so that no two tables are changed in the same places. */
const STEP_BYTES = 23;
const MASKS = [0x01, 0x80];
const LEVELS = campaign<(keyof typeof SOUND)[]>({ slice: ["structure"], whole: ["structure", "full"] });

async function tables(level: ValidationLevel): Promise<MutatedTables> {
  const directory = temporaryDirectory("mutated");
  onTestFinished(() => directory.remove());
  const mutated = new MutatedTables(join(directory.path, "streams"), level);
  await mutated.start();
  onTestFinished(() => mutated.stop());
  return mutated;
}

describe.skipIf(python === undefined)("a table with one byte changed", () => {
  it("is one of twenty, which are all kept and sound", async () => {
    const mutated = await tables("full");
    for (const table of GOLDEN) expect(await mutated.put(table), table.name).toBe(true);
    expect(GOLDEN).toHaveLength(20);
    expect(new Set((await mutated.judge(python!)).map(({ verdict }) => verdict))).toEqual(new Set(["ok"]));
  });

  it.each(LEVELS)("is refused or sound, at the level %s", async (level) => {
    const mutated = await tables(level);
    for (const { table, what } of mutationsOf(GOLDEN, STEP_BYTES, MASKS)) await mutated.put(table, what);
    expect(mutated.keptCount).toBeGreaterThan(500);
    expect([...mutated.refusals.keys()]).toEqual(["INVALID_IPC"]);
    expect(unsound(await mutated.judge(python!), SOUND[level])).toEqual([]);
  });

  it("may be unsound when nothing is looked at, which is what the others are measured by", async () => {
    const mutated = await tables("off");
    for (const { table, what } of mutationsOf(GOLDEN, 3 * STEP_BYTES, MASKS)) await mutated.put(table, what);
    expect(unsound(await mutated.judge(python!), SOUND.structure).length).toBeGreaterThan(50);
  });
});
