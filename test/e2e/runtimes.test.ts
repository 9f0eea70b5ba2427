/**
 * The built client on other runtimes than Node: a smoke test, a value and three megabytes there and back, and an error.
 *
 * Nothing is downloaded: a runtime that is not installed is skipped, and the test's title says so. `npm run test:runtimes`
 * installs both.
 */
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { builtDoor, linkPackageInto } from "../support/built-package.ts";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { startServer } from "../support/start-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const INSTALLED = fileURLToPath(new URL("../../.runtimes/node_modules/.bin", import.meta.url));

const PROGRAM = `
import { FlameCache } from "flame-object-cache/client";
const cache = await FlameCache.connect({ endpoint: process.argv[2] });
const ref = await cache.put("app", "session", { answer: 42 });
console.log(JSON.stringify(await cache.get(ref)));
const large = await cache.put("app/session/large", new Uint8Array(3_000_000).fill(7));
const bytes = await cache.getBytes(large);
console.log(bytes.length, bytes.every((byte) => byte === 7));
await cache.get("app/session/none").catch((error) => console.log(error.code));
await cache.get(ref, { signal: AbortSignal.abort() }).catch((error) => console.log(error.name));
await cache.close();
`;

const RUNTIMES = [
  ["node", []],
  ["bun", ["run"]],
  ["deno", ["run", "--allow-all", "--node-modules-dir=manual"]],
] as const;

/** Where a runtime is, if it is installed. */
function pathOf(name: string): string | undefined {
  const folders = [INSTALLED, ...(process.env.PATH ?? "").split(delimiter)];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

beforeAll(async () => {
  await builtDoor();
});

describe("the client", () => {
  for (const [name, args] of RUNTIMES) {
    const path = pathOf(name);
    const note = path === undefined ? ": skipped, it is not installed (npm run test:runtimes)" : "";
    it.skipIf(path === undefined)(`runs on ${name}${note}`, async () => {
      const directory = temporaryDirectory("runtime");
      onTestFinished(() => directory.remove());
      linkPackageInto(directory.path);
      const file = join(directory.path, "program.mjs");
      writeFileSync(file, PROGRAM);
      await using server = await startServer({ storage: "none" });
      const env = cleanEnvironment({ FLAME_HOME: directory.path, DENO_DIR: join(directory.path, "deno") });
      const { stdout } = await promisify(execFile)(path!, [...args, file, server.endpoint], {
        env,
        cwd: directory.path,
      });
      expect(stdout).toBe('{"answer":42}\n3000000 true\nOBJECT_NOT_FOUND\nAbortError\n');
    });
  }
});
