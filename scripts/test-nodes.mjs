/**
 * `npm run test:nodes`: the test suite once more on each newer Node that the package says it runs on.
 *
 * Each Node comes from npm as a package that is nothing but the binary (no install script), into .node-versions/, and
 * stays there. Arguments go on to vitest: `npm run test:nodes -- test/unit`. Ends with a table, and with 1 when a run failed.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, dirname, resolve } from "node:path";

const VERSIONS = ["22", "24", "26"];
const PACKAGE = `node-${process.platform}-${process.arch}`;

/** The path of a Node of this major version, installed when it is not there yet. */
function installNode(major) {
  const folder = resolve(".node-versions", major);
  const binary = resolve(folder, "node_modules", PACKAGE, "bin", "node");
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  // A package of its own, or npm would look for one further up and install there.
  writeFileSync(resolve(folder, "package.json"), "{}\n");
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  execFileSync("npm", ["install", ...options, `${PACKAGE}@${major}`], { cwd: folder, stdio: "inherit" });
  return binary;
}

/** Runs the suite on one Node; programs that the tests start find the same one first. */
function runSuite(major) {
  const binary = installNode(major);
  const version = execFileSync(binary, ["--version"], { encoding: "utf8" }).trim();
  process.stdout.write(`\nNode ${version}\n`);
  const start = Date.now();
  const env = { ...process.env, PATH: `${dirname(binary)}${delimiter}${process.env.PATH ?? ""}` };
  const args = ["node_modules/vitest/vitest.mjs", "run", ...process.argv.slice(2)];
  const { status } = spawnSync(binary, args, { stdio: "inherit", env });
  return { version, seconds: Math.round((Date.now() - start) / 1000), isPassed: status === 0 };
}

const runs = VERSIONS.map(runSuite);
process.stdout.write("\n| Node     | seconds | suite  |\n|----------|--------:|--------|\n");
for (const { version, seconds, isPassed } of runs) {
  const outcome = isPassed ? "passed" : "FAILED";
  process.stdout.write(`| ${version.padEnd(8)} | ${`${seconds}`.padStart(7)} | ${outcome} |\n`);
}
process.exitCode = runs.every(({ isPassed }) => isPassed) ? 0 : 1;
