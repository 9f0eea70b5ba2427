/**
 * The API references in docs/ are generated; each must equal what its generator prints for the present code.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { builtDoor } from "../support/built-package.ts";
import { pythonEnvironment } from "../support/python-environment.ts";

const environment = await pythonEnvironment();
const python = "python" in environment ? environment.python : undefined;

function printed(command: string, script: string): string {
  return execFileSync(command, [script, "--print"], { encoding: "utf8" });
}

describe("a generated API reference equals the code (else: npm run docs)", () => {
  it("docs/typescript-api.md", async () => {
    await builtDoor();
    const page = readFileSync("docs/typescript-api.md", "utf8");
    expect(page).toBe(printed(process.execPath, "scripts/typescript-api.mjs"));
  });

  it.skipIf(python === undefined && process.env.CI !== "true")("docs/python-api.md", () => {
    const page = readFileSync("docs/python-api.md", "utf8");
    expect(page).toBe(printed(python ?? "python3", "scripts/python-api.py"));
  });
});
