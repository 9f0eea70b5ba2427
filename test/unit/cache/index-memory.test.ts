/**
 * What an object costs in the index: at most 250 bytes beside the text of its id, at any number of objects.
 *
 * The map of a session grows by doubling, so an object costs most just behind a power of two.
 */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { campaign } from "../../support/campaign.ts";
import { cleanEnvironment } from "../../support/clean-environment.ts";

const BYTES_EACH_MAX = 250;

const DOUBLED = ["objects of one session whose map has just doubled", 2 ** 18 + 1, 1] as const;
const MANY_SESSIONS = ["objects of sessions with ten thousand each", 250_000, 25] as const;

function measure(objects: number, sessions: number): { objects: number; bytesEach: number } {
  const script = ["--expose-gc", "--import", "tsx", "test/unit/cache/index-memory.ts"];
  const options = { env: cleanEnvironment(), encoding: "utf8" } as const;
  return JSON.parse(execFileSync(process.execPath, [...script, `${objects}`, `${sessions}`], options));
}

describe("the index", () => {
  it.each(campaign({ slice: [DOUBLED], whole: [MANY_SESSIONS, DOUBLED] }))(
    "keeps %s in 250 bytes each",
    (_, objects, sessions) => {
      const measured = measure(objects, sessions);
      console.log(`${measured.bytesEach.toFixed(1)} bytes an object: ${objects} in ${sessions} sessions`);
      expect(measured.objects).toBe(objects);
      expect(measured.bytesEach).toBeGreaterThan(0);
      expect(measured.bytesEach).toBeLessThanOrEqual(BYTES_EACH_MAX);
    },
    60_000,
  );
});
