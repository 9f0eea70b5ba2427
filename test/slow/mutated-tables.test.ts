/**
 * Every byte of every golden table changed in five ways: 215,000 tables for each level, about five minutes each.
 *
 * Not part of `npm test`: run by `npm run test:slow`. The slice that is: test/interop/mutated-tables.test.ts.
 */
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { goldenTables, MutatedTables, mutationsOf, SOUND, unsound } from "../support/mutated-tables.ts";
import { pythonEnvironment } from "../support/python-environment.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const environment = await pythonEnvironment();
const python = "python" in environment ? environment.python : undefined;
const MASKS = [0x01, 0x02, 0x10, 0x80, 0xff];
const RUN_MS = 3_600_000;

describe.skipIf(python === undefined)("each table with one byte changed", () => {
  it.each(["structure", "full"] as const)(
    "is refused or sound, at the level %s",
    { timeout: RUN_MS },
    async (level) => {
      const golden = await goldenTables();
      const counts: number[] = [];
      const found: unknown[] = [];
      for (const table of golden) {
        const directory = temporaryDirectory("mutated");
        onTestFinished(() => directory.remove());
        const mutated = new MutatedTables(join(directory.path, "streams"), level);
        await mutated.start();
        for (const { table: changed, what } of mutationsOf([table], 1, MASKS))
          await mutated.put(changed, what);
        found.push(...unsound(await mutated.judge(python!), SOUND[level]));
        counts.push(mutated.keptCount);
        await mutated.stop();
        directory.remove();
      }
      expect(found).toEqual([]);
      console.log(`${level}: kept and sound ${counts.reduce((sum, count) => sum + count, 0)}`);
    },
  );
});
