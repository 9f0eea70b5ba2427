/**
 * Runs the benchmark in its smallest size, so that it still works on the day somebody wants to know.
 *
 * What it prints is checked for being there, not for its numbers. Needs a build and Python with pyarrow.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { canSharePort } from "../../src/relay/share-port.ts";
import { pythonEnvironment } from "../support/python-environment.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const RESULTS_FILE = "bench/results.jsonl";
const SMOKE = ["--import", "tsx", "bench/run.ts", "--smoke"];
const NETWORK = ["pyarrow C++", "node:http2 alone", "cache, memory", "cache, files", "Redis"];
const NUMBER = "[0-9.]+";

/** What each workload measures: calls by servers. Redis may be missing, and then the row says so. */
const EXPECTED: readonly { calls: readonly string[]; servers: readonly string[] }[] = [
  {
    calls: ["put 1 KiB", "get 1 KiB", "put 1 MiB", "get 1 MiB"],
    servers: [...NETWORK, "bare files", "bare files in /dev/shm"],
  },
  { calls: ["put x 1", "get x 1", "put x 4", "get x 4", "90/10 of 1 KiB x 4"], servers: NETWORK },
  { calls: ["put x 1", "put x 4"], servers: ["bare files, synced", "Redis, synced"] },
  { calls: ["1 KiB", "1 MiB"], servers: ["cache, memory", "cache, files", "bare files"] },
  { calls: ["put", "get"], servers: ["cache, memory", "cache, files"] },
];

const environment = await pythonEnvironment();
const absence = "missing" in environment ? environment.missing : undefined;
const directory = mkdtempSync(join(tmpdir(), "flame-bench-test-"));
const readResults = (): string => (existsSync(RESULTS_FILE) ? readFileSync(RESULTS_FILE, "utf8") : "");

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function rowOf(call: string, server: string): RegExp {
  const escaped = [call, server].map((text) => text.replace(/[+/]/g, "\\$&"));
  const cell = server.startsWith("Redis") ? `(${NUMBER}|redis-server is not installed)` : NUMBER;
  return new RegExp(`^\\| ${escaped.join(" +\\| ")} +\\| +${cell} +\\|`, "m");
}

/** Command lines of processes that work in the directory. */
function processesIn(place: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return "";
      }
    })
    .filter((command) => command.includes(`${place}/flame-bench-`));
}

describe.skipIf(absence !== undefined && process.env.CI !== "true")("the benchmark in smoke size", () => {
  test("measures every server in every call and keeps no result", { timeout: 180_000 }, async () => {
    const before = readResults();
    const { stdout } = await promisify(execFile)(process.execPath, [...SMOKE, "--directory", directory]);
    const rows = EXPECTED.flatMap(({ calls, servers }) =>
      calls.flatMap((call) => servers.map((server) => rowOf(call, server))),
    );
    expect(rows.filter((row) => !row.test(stdout))).toEqual([]);
    expect(stdout).toMatch(/^Medians with 20 objects: first get \d+ ms, list complete [0-9.]+ s/m);
    expect(readResults()).toBe(before);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("says so where Redis is not installed, and measures the others", async () => {
    const args = [...SMOKE, "--only", "durable", "--directory", directory];
    const onlyNode = temporaryDirectory("only-node");
    onTestFinished(onlyNode.remove);
    symlinkSync(process.execPath, join(onlyNode.path, "node"));
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: { PATH: onlyNode.path } });
    expect(stdout).toMatch(/^\| put x 1 +\| Redis, synced +\| +redis-server is not installed \|/m);
    expect(stdout).toMatch(rowOf("put x 1", "bare files, synced"));
  });

  test.skipIf(!canSharePort())("measures a server by its number of threads", async () => {
    const args = ["--import", "tsx", "bench/threads.ts", "--smoke"];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    for (const threads of ["1", "2", "4"]) {
      for (const call of ["get 1 KiB x 16", "put 1 MiB x 8"]) expect(stdout).toMatch(rowOf(call, threads));
    }
  });

  test("compares the files of endless puts at rest", async () => {
    const python = "python" in environment ? environment.python : "python3";
    const place = mkdtempSync(join(directory, "endless-"));
    const args = ["bench/endless_puts.py", "--seconds", "2", "--clients", "2", "--directory", place];
    const { stdout } = await promisify(execFile)(python, args);
    rmSync(place, { recursive: true });
    expect(stdout).toMatch(/^0 puts failed/m);
    expect(stdout).toMatch(/^[1-9]\d* objects, 0 not at rest after/m);
  });

  test("leaves no process and no directory behind when it is interrupted", async () => {
    const child = spawn(
      process.execPath,
      [...SMOKE, "--only", "durable,mixed,million", "--directory", directory],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const exit = once(child, "exit");
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith("durable")) child.kill("SIGINT");
    }
    expect(await exit).toEqual([130, null]);
    expect(readdirSync(directory)).toEqual([]);
    expect(processesIn(directory)).toEqual([]);
  });
});
