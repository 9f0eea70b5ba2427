/**
 * Runs the benchmark in its smallest size, so that it still works on the day somebody wants to know.
 *
 * What it prints is checked for being there, not for its numbers. Needs a build and Python with pyarrow.
 */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { pythonEnvironment } from "../support/python-environment.ts";

const RESULTS_FILE = "bench/results.jsonl";
const SERVERS = ["pyarrow C\\+\\+", "node:http2 alone", "cache, memory", "cache, files"];
const CALLS = [
  "put 1 KiB",
  "get 1 KiB",
  "put 1 MiB",
  "get 1 MiB",
  "put x 1",
  "get x 1",
  "put x 4",
  "get x 4",
];

const environment = await pythonEnvironment();
const absence = "missing" in environment ? environment.missing : undefined;
const readResults = (): string => (existsSync(RESULTS_FILE) ? readFileSync(RESULTS_FILE, "utf8") : "");

describe.skipIf(absence !== undefined && process.env.CI !== "true")("the benchmark in smoke size", () => {
  test("measures every server in every call and keeps no result", async () => {
    const before = readResults();
    const args = ["--import", "tsx", "bench/run.ts", "--smoke"];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const rows = CALLS.flatMap((call) =>
      SERVERS.map((server) => `^\\| ${call} +\\| ${server} +\\| +[0-9.]+ \\|`),
    );
    expect(rows.filter((row) => !new RegExp(row, "m").test(stdout))).toEqual([]);
    expect(readResults()).toBe(before);
  });
});
