/**
 * The built package: its door, and a build when there is none yet. `npm test` has built it before.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { underLock } from "./process-lock.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What a host imports. */
export type Package = typeof import("../../src/index.ts");

/** Where the door is; built first when it is missing. */
export async function builtDoor(): Promise<string> {
  const door = fileURLToPath(new URL("../../dist/index.js", import.meta.url));
  await underLock(`${ROOT}dist`, () => {
    if (!existsSync(door)) execFileSync("npm", ["run", "build"], { cwd: ROOT, stdio: "pipe" });
  });
  return door;
}

/** Makes a directory a project that has the package, and all that ours has, as dependencies: by links. */
export function linkPackageInto(project: string): void {
  const modules = join(project, "node_modules");
  mkdirSync(modules, { recursive: true });
  for (const name of readdirSync(join(ROOT, "node_modules"))) {
    if (!name.startsWith(".")) symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  }
  symlinkSync(ROOT, join(modules, "flame-object-cache"));
  const manifest = { type: "module", private: true, dependencies: { "flame-object-cache": "*" } };
  writeFileSync(join(project, "package.json"), JSON.stringify(manifest));
}
