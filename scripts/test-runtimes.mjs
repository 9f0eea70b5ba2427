/**
 * `npm run test:runtimes`: the TypeScript client on Bun and Deno, against a server on Node.
 *
 * Both come from npm, into .runtimes/, and stay there; `npm test` runs the same test, and skips what is not installed.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";

mkdirSync(".runtimes", { recursive: true });
// A package of its own, or npm would look for one further up and install there.
writeFileSync(".runtimes/package.json", "{}\n");
const options = ["--no-audit", "--no-fund", "--no-package-lock"];
execFileSync("npm", ["install", ...options, "bun@1", "deno@2"], { cwd: ".runtimes", stdio: "inherit" });
const { status } = spawnSync("npx", ["vitest", "run", "--project", "once", "test/e2e/runtimes.test.ts"], {
  stdio: "inherit",
});
process.exitCode = status ?? 1;
