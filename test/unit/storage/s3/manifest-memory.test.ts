/**
 * What a remembered manifest costs is charged: a full cache of manifests holds what its limit says, and not much less.
 *
 * Memory that waits for the garbage collector comes on top.
 */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { cleanEnvironment } from "../../../support/clean-environment.ts";

interface Cost {
  readonly usedEach: number;
  readonly chargedEach: number;
}

function measure(count: number, operations: number, patches: number): Cost {
  const script = ["--expose-gc", "--import", "tsx", "test/unit/storage/s3/manifest-memory.ts"];
  const options = { env: cleanEnvironment(), encoding: "utf8" } as const;
  const args = [count, operations, patches].map(String);
  return JSON.parse(execFileSync(process.execPath, [...script, ...args], options)) as Cost;
}

describe("a remembered manifest", () => {
  it.each([
    ["a small object", 16_385, 1, 0],
    ["an object that was often replaced", 8_193, 32, 0],
    ["an object with patches", 1_025, 32, 64],
  ] as const)("of %s costs what it is charged", (name, count, operations, patches) => {
    const { usedEach, chargedEach } = measure(count, operations, patches);
    console.log(`${name}: ${usedEach.toFixed(0)} bytes used, ${chargedEach.toFixed(0)} charged`);
    expect(usedEach).toBeLessThanOrEqual(chargedEach);
    expect(usedEach).toBeGreaterThan(0.6 * chargedEach);
  });
});
