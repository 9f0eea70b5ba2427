/**
 * The examples, run as a user runs them against a cache, and what they print. Those in Python are skipped, and say so, where
 * there is no Python; with CI=true that is a failure. Needs a build.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtDoor } from "../support/built-package.ts";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { pythonEnvironment } from "../support/python-environment.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const EXAMPLE_MS = 90_000;

const environment = await pythonEnvironment();
const python = "python" in environment ? environment.python : "";
const absence = "missing" in environment ? environment.missing : undefined;
const withPython = test.skipIf(absence !== undefined && process.env.CI !== "true");
const directory = temporaryDirectory("examples");
let server: InProcessServer;

beforeAll(async () => {
  await builtDoor();
  server = await startInProcess(directory.path);
});

afterAll(async () => {
  await server.stop();
  directory.remove();
});

async function run(command: string, ...args: readonly string[]): Promise<string> {
  const env = cleanEnvironment({ PYTHONPATH: "python", FLAME_CACHE_ENDPOINT: server.endpoint });
  const { stdout } = await promisify(execFile)(command, args, { env, timeout: EXAMPLE_MS });
  return stdout;
}

describe("the example of", () => {
  withPython("a parameter server finds the weights", { timeout: EXAMPLE_MS }, async () => {
    const output = await run(python, "examples/parameter_server.py", "--workers", "2");
    expect(output).toMatch(/^version 21, distance to the true weights 0\.00\d\d\n$/);
    expect(await server.client.keys("example-parameter-server")).toEqual([]);
  });

  withPython("a replay buffer has every transition once", { timeout: EXAMPLE_MS }, async () => {
    const output = await run(python, "examples/replay_buffer.py", "--actors", "2", "--episodes", "3");
    expect(output).toMatch(/^300 transitions\nactor 0: mean reward 0\.\d\d\nactor 1: mean reward 0\.\d\d\n$/);
  });

  withPython("a shared DataFrame gives each process its part", { timeout: EXAMPLE_MS }, async () => {
    const output = await run(python, "examples/shared_dataframe.py", "--rows", "30000", "--processes", "2");
    expect(output).toMatch(/^mean of 30000 prices in 2 processes: (99|100)\.\d\d\n$/);
  });

  test("a tool cache calls each tool once", { timeout: EXAMPLE_MS }, async () => {
    const lines = (await run(process.execPath, "--import", "tsx", "examples/tool-cache.ts")).split("\n");
    expect(lines.filter((line) => line.endsWith("was called"))).toHaveLength(2);
    expect(lines.filter((line) => line.endsWith("was known"))).toHaveLength(1);
  });

  withPython("a tool cache in Python knows what TypeScript has asked", { timeout: EXAMPLE_MS }, async () => {
    await run(process.execPath, "--import", "tsx", "examples/tool-cache.ts");
    const output = await run(python, "examples/tool_cache.py");
    expect(output.match(/was known/g)).toHaveLength(3);
    expect(output).toContain("\n14\n");
  });
});
