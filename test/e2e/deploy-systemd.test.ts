/**
 * The systemd unit: what systemd-analyze says about it, its limits, and whether its filter admits the system calls of a server.
 *
 * systemd-analyze and strace are used where they are installed. Nothing is installed and no unit is started. Needs a build.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadCacheConfig } from "../../src/config/load-cache-config.ts";
import { builtDoor } from "../support/built-package.ts";
import { startCommand } from "../support/start-command.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { findTool, runTool } from "../support/tools.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDER = join(ROOT, "deploy/systemd");
const MIB = 1024 ** 2;
/** systemd calls up to 2.0 "OK"; what is left is listed at the end of the unit. */
const EXPOSURE_MAX = 1.5;

const unit = readFileSync(join(FOLDER, "flame-object-cache.service"), "utf8");
const directory = temporaryDirectory("systemd");
const copy = join(directory.path, "flame-object-cache.service");
const analyze = findTool("systemd unit", ["systemd-analyze"], ["--version"]);
const strace = findTool("system calls of the unit", ["strace"], ["-V"]);

/** All values of a key; a list in one line is split. */
function valuesOf(key: string): string[] {
  return [...unit.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].flatMap((match) => match[1]!.split(" "));
}

/** The settings of the sample of an environment file, as systemd reads it. */
function sampleEnvironment(): Record<string, string> {
  const text = readFileSync(join(FOLDER, "flame-object-cache.env"), "utf8");
  return Object.fromEntries([...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
}

beforeAll(async () => {
  await builtDoor();
  // The command is not installed here; systemd-analyze checks that it is a program.
  writeFileSync(copy, unit.replace(/^ExecStart=flame-object-cache /m, `ExecStart=${process.execPath} `));
});

afterAll(() => directory.remove());

describe("the unit", () => {
  test("stays below the memory that its settings need, with 192 MiB beside the objects", () => {
    const { config } = loadCacheConfig({ env: { ...sampleEnvironment(), FLAME_HOME: directory.path } });
    expect(valuesOf("MemoryMax")).toEqual([`${config.eviction.maxMemoryBytes / MIB + 192}M`]);
  });

  test("stores objects in its state directory, which is the only place it may write to", () => {
    expect(valuesOf("Environment")).toContain("FLAME_CACHE_STORAGE=/var/lib/flame-object-cache");
    expect(valuesOf("StateDirectory")).toEqual(["flame-object-cache"]);
    expect(valuesOf("ProtectSystem")).toEqual(["strict"]);
    expect(valuesOf("ReadWritePaths")).toEqual([]);
  });

  test("belongs to the user that its sysusers file makes", () => {
    const made = readFileSync(join(FOLDER, "flame-object-cache.sysusers.conf"), "utf8");
    expect(made).toMatch(new RegExp(`^u ${valuesOf("User")[0]} `, "m"));
  });
});

describe("a reload of the unit", () => {
  test("does not end a server that has no file to read again", async () => {
    expect(valuesOf("ExecReload").join(" ")).toBe("kill -HUP $MAINPID");
    const command = startCommand(["--endpoint", "grpc://127.0.0.1:0"], { directory: directory.path });
    await command.wrote("stdout", /listening/);
    command.signal("SIGHUP");
    command.signal("SIGTERM");
    expect(await command.ended).toBe(0);
  });
});

describe.skipIf(analyze === undefined)("systemd-analyze", () => {
  test("finds nothing wrong with the unit, alone and with the drop-in for credentials", () => {
    expect(runTool([...analyze!, "verify", copy])).toMatchObject({ code: 0, stderr: "" });
    mkdirSync(`${copy}.d`);
    copyFileSync(join(FOLDER, "credentials.conf"), join(`${copy}.d`, "credentials.conf"));
    expect(runTool([...analyze!, "verify", copy])).toMatchObject({ code: 0, stderr: "" });
  });

  test("rates the unit as hardly exposed", () => {
    const { stdout } = runTool([...analyze!, "security", "--offline=yes", copy]);
    const level = Number(/exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
    expect(level).toBeGreaterThan(0);
    expect(level).toBeLessThanOrEqual(EXPOSURE_MAX);
  });
});

/** The calls of a set, with those of the sets in it. */
function callsIn(set: string): string[] {
  const { stdout } = runTool([...analyze!, "syscall-filter", set]);
  const lines = stdout.split("\n").flatMap((line) => /^ {4}([@\w-]+)$/.exec(line)?.[1] ?? []);
  return lines.flatMap((name) => (name.startsWith("@") ? callsIn(name) : [name]));
}

/** Of the unit's two lines the first lists sets, and the second takes some out again. */
function allowedCalls(): Set<string> {
  const [listed = "", removed = ""] = unit.match(/(?<=^SystemCallFilter=).+$/gm) ?? [];
  expect([listed[0], removed[0]]).toEqual(["@", "~"]);
  const denied = new Set(removed.slice(1).split(" ").flatMap(callsIn));
  return new Set(
    listed
      .split(" ")
      .flatMap(callsIn)
      .filter((call) => !denied.has(call)),
  );
}

describe.skipIf(analyze === undefined || strace === undefined)("the filter of the unit", () => {
  test("admits each system call with which a server starts, stores an object on disk and stops", () => {
    const trace = join(directory.path, "calls");
    const program = `
      import { startObjectCacheThread } from ${JSON.stringify(join(ROOT, "dist/index.js"))};
      import { FlameCache } from ${JSON.stringify(join(ROOT, "dist/client/index.js"))};
      const server = await startObjectCacheThread({ endpoint: "grpc://0.0.0.0:0", storage: process.argv[1] });
      const cache = await FlameCache.connect({ endpoint: server.endpoint });
      for (const size of [10, 3_000_000]) await cache.put("app", "session", Buffer.alloc(size));
      await cache.close();
      await server.stop();
    `;
    const node = [process.execPath, "--input-type=module", "-e", program, join(directory.path, "objects")];
    const environment = ["-E", "FLAME_CACHE_DURABILITY=power-loss", "-E", `FLAME_HOME=${directory.path}`];
    const { code, stderr } = runTool([...strace!, "-f", "-qq", "-o", trace, ...environment, ...node]);
    expect([code, stderr]).toEqual([0, expect.stringContaining("serving")]);
    const used = new Set(
      [...readFileSync(trace, "utf8").matchAll(/^\d+ +(\w+)\(/gm)].map((match) => match[1]!),
    );
    expect(used.size).toBeGreaterThan(30);
    const allowed = allowedCalls();
    expect([...used].filter((call) => !allowed.has(call))).toEqual([]);
  });
});
