/**
 * bench/bucket-sizes.ts in small: a large object, many patches and a long list over a real store.
 * The program itself compares what it reads with what it wrote.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { missingS3Store } from "../support/s3-store.ts";

const missing = await missingS3Store();
const SIZES = ["--gigabytes", "0.5", "--patches", "700", "--objects", "3000"];
const MORE_MEMORY_MIB_MAX = 256;

describe.skipIf(missing !== undefined)("a replica over a real store", () => {
  /** Columns by the name of the work. */
  const rows = new Map<string, string[]>();
  beforeAll(async () => {
    const args = ["--import", "tsx", "bench/bucket-sizes.ts", ...SIZES];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    for (const line of stdout.trim().split("\n").slice(2)) {
      const [name = "", ...columns] = line
        .split("|")
        .map((cell) => cell.trim())
        .slice(1, -1);
      rows.set(name, columns);
    }
  });

  it("writes and reads a large object, and lists many, in bounded memory", () => {
    const memory = [...rows].map(([name, columns]) => [name, Number(columns[3])] as const);
    expect(memory).toHaveLength(7);
    expect(memory.filter(([, mib]) => !(mib < MORE_MEMORY_MIB_MAX))).toEqual([]);
  });

  it("moves patches into segments, so that the manifest stays small", () => {
    expect(rows.get("700 patches")?.[0]).toMatch(/^10 segments, manifest of \d{4,5} bytes$/);
  });

  it("reads a segment once in a get of all patches", () => {
    const [result, , requests] = rows.get("get of all of them, by another replica") ?? [];
    expect(result).toBe("700 patches");
    expect(Number(requests)).toBe(11);
  });

  it("lists with one LIST for 1,000 names that it knows, and one read for each other", () => {
    const own = Number(rows.get("list by the replica that put them")?.[2]);
    const other = Number(rows.get("list by another replica")?.[2]);
    expect(own).toBeLessThanOrEqual(5);
    expect(other - own).toBeGreaterThanOrEqual(3_000);
    expect(other - own).toBeLessThan(3_100);
  });
});
