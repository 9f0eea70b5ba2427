/**
 * The package as users get it: packed, unpacked into an empty project beside its dependencies, imported, type-checked, and
 * looked at by publint and attw. Nothing is downloaded. Needs a build.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtDoor } from "../support/built-package.ts";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MODULES = join(ROOT, "node_modules");
const NAME = "flame-object-cache";

const directory = temporaryDirectory("package");
let tarball = "";

/** Runs a tool of ours. @returns what it prints. @throws with it when it fails. */
function run(tool: string, args: readonly string[], cwd = ROOT): string {
  try {
    return execFileSync(join(MODULES, ".bin", tool), args, { cwd, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${tool} failed\n${stdout}\n${stderr}`);
  }
}

/** A project with the package and all that ours has installed, but not linked to our sources. */
function installInto(project: string): void {
  mkdirSync(join(project, "node_modules"), { recursive: true });
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({ name: "user", type: "module", private: true }),
  );
  execFileSync("tar", ["-xzf", tarball, "-C", project]);
  cpSync(join(project, "package"), join(project, "node_modules", NAME), { recursive: true });
  for (const name of readdirSync(MODULES)) {
    if (!name.startsWith(".")) symlinkSync(join(MODULES, name), join(project, "node_modules", name));
  }
}

beforeAll(async () => {
  await builtDoor();
  const args = ["pack", "--ignore-scripts", "--json", "--pack-destination", directory.path];
  const [packed] = JSON.parse(execFileSync("npm", args, { cwd: ROOT, encoding: "utf8" })) as {
    filename: string;
  }[];
  tarball = join(directory.path, packed!.filename);
});

afterAll(() => directory.remove());

const PROGRAM = `
import { startObjectCache } from "${NAME}";
import { FlameCache, type ObjectRef } from "${NAME}/client";

const server = await startObjectCache({ endpoint: "grpc://127.0.0.1:0", storage: "none" });
const cache = await FlameCache.connect({ endpoint: server.endpoint });
const ref: ObjectRef = await cache.put("app", "session", { answer: 42 });
console.log(JSON.stringify(await cache.get(ref)), ref.version);
await cache.close();
await server.stop();
`;

const COMMONJS = `
const { startObjectCache, CacheError } = require("${NAME}");
const client = require("${NAME}/client");

async function main() {
  const server = await startObjectCache({ endpoint: "grpc://127.0.0.1:0", storage: "none" });
  const cache = await client.FlameCache.connect({ endpoint: server.endpoint });
  const ref = await cache.put("app", "session", { answer: 42 });
  console.log(JSON.stringify(await cache.get(ref)), client.CacheError === CacheError);
  await cache.close();
  await server.stop();
}
main();
`;

describe("the packed package", () => {
  test("type-checks and runs in a project of its own", () => {
    const project = join(directory.path, "project");
    installInto(project);
    writeFileSync(join(project, "program.ts"), PROGRAM);
    const strict = ["--strict", "--skipLibCheck", "false", "--exactOptionalPropertyTypes"];
    const target = ["--module", "nodenext", "--target", "es2023", "--types", "node"];
    run("tsc", [...strict, ...target, "program.ts"], project);
    const stdout = execFileSync(process.execPath, ["program.js"], { cwd: project, encoding: "utf8" });
    expect(stdout).toBe('{"answer":42} 1\n');
  });

  test("can be required from CommonJS, without flags or warnings, and has one class of each name", () => {
    const project = join(directory.path, "commonjs");
    installInto(project);
    writeFileSync(join(project, "program.cjs"), COMMONJS);
    const { stdout, stderr } = spawnSync(process.execPath, ["program.cjs"], {
      cwd: project,
      encoding: "utf8",
      env: cleanEnvironment({ RUST_LOG: "off", FLAME_HOME: project }),
    });
    expect(stderr).toBe("");
    expect(stdout).toBe('{"answer":42} true\n');
  });

  test("has nothing that publint minds", () => {
    expect(run("publint", ["run", tarball, "--strict"])).toContain("All good");
  });

  test("resolves with its types for every door, as attw sees it", () => {
    // It fails by its exit code when a door has a problem.
    const found = run("attw", [tarball, "--profile", "esm-only", "--no-emoji", "--format", "ascii"]);
    expect(found.match(/^node16 \(from ESM\): OK/gm)).toHaveLength(3);
  });

  test("carries no source, no test and no secret of the machine it was made on", () => {
    const names = execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).trim().split("\n");
    const strange = names.filter(
      (name) => !/^package\/(dist\/|(README|CHANGELOG)\.md$|LICENSE$|package\.json$)/.test(name),
    );
    expect(strange).toEqual([]);
  });
});
