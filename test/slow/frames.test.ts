/**
 * Frames of pandas' and polars' whole systems, 10,000 of each by their seeds: equal when they come back, or refused by name.
 *
 * About three minutes. Not part of `npm test`: run by `npm run test:slow`. The slice that is: test/sdk/python/groups/frames.py.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { pythonEnvironment } from "../support/python-environment.ts";

const COUNT = 10_000;
const RUN_MS = 3_600_000;
const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const environment = await pythonEnvironment();
const python = "python" in environment ? environment.python : undefined;

describe.skipIf(python === undefined)("each of 10,000 frames", () => {
  it.each(["pandas", "polars"])(
    "of %s comes back equal or is refused by name",
    { timeout: RUN_MS },
    (library) => {
      const program = path("../sdk/python/frames_campaign.py");
      const env = cleanEnvironment({
        PYTHONPATH: `${path("../../python")}:${path("../sdk/python")}`,
        PYTHONDONTWRITEBYTECODE: "1",
      });
      const output = execFileSync(python!, ["-W", "ignore", program, library, "0", String(COUNT)], {
        encoding: "utf8",
        env,
      });
      const { wrong, ...counts } = JSON.parse(output) as { wrong: string[] } & Record<string, number>;
      console.log(`${library}: ${JSON.stringify(counts)}`);
      expect(wrong).toEqual([]);
      expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(COUNT);
    },
  );
});
