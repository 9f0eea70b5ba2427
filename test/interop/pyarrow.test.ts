/**
 * Drives the built cache with pyarrow's C++ Flight client. The cases are plain Python functions in python/groups/,
 * each of them one test here with its traceback; this file only starts servers and Python, and counts.
 *
 * Without Python or its packages the cases are skipped and the reason is told; with CI=true that is a failure.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pythonEnvironment } from "../support/python-environment.ts";
import { type CaseResult, listGroupRuns, tellAbsence, throwFailureOf } from "./python-groups.ts";

// The longest case takes half a minute on two free cores; what hangs ends by the deadline of its own call.
const CASE_MS = 400_000;

const environment = await pythonEnvironment();
const python = "python" in environment ? environment.python : undefined;
const absence = "missing" in environment ? environment.missing : undefined;
const version = "pyarrow" in environment ? `pyarrow ${environment.pyarrow}` : "no pyarrow";
const runs = listGroupRuns(python);
const statuses: CaseResult["status"][] = [];
tellAbsence(absence);

describe("the tests with pyarrow", () => {
  test.skipIf(absence !== undefined && process.env.CI !== "true")(
    absence === undefined ? "have what they need" : `NEED PYTHON, AND WITHOUT IT ARE SKIPPED: ${absence}`,
    () => expect(absence).toBeUndefined(),
  );

  for (const run of runs) {
    describe(run.title, () => {
      beforeAll(() => run.start());
      afterAll(() => run.stop());

      for (const name of run.cases) {
        test(name, { timeout: CASE_MS }, async (context) => {
          const result = await run.result(name);
          statuses.push(result.status);
          context.skip(result.status === "skipped", result.detail);
          throwFailureOf(result);
        });
      }
    });
  }

  afterAll(() => {
    const ran = statuses.filter((status) => status !== "skipped").length;
    process.stdout.write(`\ninterop: ${ran} tests ran with ${version}\n`);
  });
});
