/**
 * The built package: its door, and a build when there is none yet. `npm test` has built it before.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
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
