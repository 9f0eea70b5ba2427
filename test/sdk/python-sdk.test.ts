/**
 * Drives the built cache with the Python SDK, from the folder python/ as it is. The cases are plain Python functions in
 * test/sdk/python/groups/, run like those of test/interop: each is one test here with its traceback.
 *
 * Without Python or its packages the cases are skipped and the reason is told; with CI=true that is a failure.
 */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listGroupRuns, tellAbsence, throwFailureOf } from "../interop/python-groups.ts";
import { pythonEnvironment } from "../support/python-environment.ts";

const CASE_MS = 300_000;

const found = await pythonEnvironment();
const absence = "missing" in found ? found.missing : undefined;
const runs = listGroupRuns("python" in found ? found.python : undefined, {
  INTEROP_FOLDER: fileURLToPath(new URL("python", import.meta.url)),
  PYTHONPATH: fileURLToPath(new URL("../../python", import.meta.url)),
});
tellAbsence(absence);

describe("the Python SDK", () => {
  test.skipIf(absence !== undefined && process.env.CI !== "true")(
    absence === undefined ? "has what it needs" : `NEEDS PYTHON, AND WITHOUT IT IS NOT TESTED: ${absence}`,
    () => expect(absence).toBeUndefined(),
  );

  for (const run of runs) {
    describe(run.title, () => {
      beforeAll(() => run.start());
      afterAll(() => run.stop());

      for (const name of run.cases) {
        test(name, { timeout: CASE_MS }, async (context) => {
          const result = await run.result(name);
          context.skip(result.status === "skipped", result.detail);
          throwFailureOf(result);
        });
      }
    });
  }
});
