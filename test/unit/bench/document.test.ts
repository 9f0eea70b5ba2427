/**
 * The document's tables come from kept runs: the latest that has them, and nothing by hand is touched.
 *
 * The runs are made up; what is tested is which numbers go where.
 */
import { describe, expect, test } from "vitest";
import { rewriteText } from "../../../bench/document.ts";
import { formatGoals } from "../../../bench/goals.ts";
import { CACHE_ON_FILES } from "../../../bench/names.ts";
import type { Results, Run } from "../../../bench/results.ts";

const run = (commit: string, workloads: Results): Run => ({
  at: "2026-01-02T03:04:05.678Z",
  commit,
  node: "v20.20.2",
  pyarrow: "26.0.1",
  redis: undefined,
  loadBefore: 0.25,
  machine: { cpu: "a processor", cores: 2, memoryGiB: 24 },
  workloads,
});

const memory = (peakMib: number): Results => ({
  memory: {
    totalBytes: 1,
    maxMemoryMib: 256,
    rows: [
      {
        server: CACHE_ON_FILES,
        operation: "put",
        objects: 3,
        bytes: 2e6,
        seconds: 1,
        missing: 0,
        different: 0,
        peakMib,
      },
    ],
  },
});

const million: Results = { million: { objects: 20, rows: [], absent: [{ server: "x", reason: "no x" }] } };
const DOCUMENT = "by hand\n<!-- bench memory -->\nold\n<!-- end of memory -->\nby hand as well\n";

describe("the document's tables", () => {
  test("come from the latest run that has measured them", () => {
    const runs = [run("first", memory(100)), run("second", memory(222)), run("third", million)];
    const { text, names } = rewriteText(DOCUMENT, runs);
    expect(names).toEqual(["memory"]);
    expect(text).toMatch(/^by hand\n[\s\S]* 222 [\s\S]*Commit second, 2026-01-02[\s\S]*by hand as well\n$/);
    expect(text).not.toContain("old");
  });

  test("are written over again to the same text", () => {
    const runs = [run("first", memory(100))];
    const once = rewriteText(DOCUMENT, runs).text;
    expect(rewriteText(once, runs).text).toBe(once);
  });

  test("stay as they are where no run has measured them", () => {
    expect(rewriteText(DOCUMENT, [run("first", million)])).toEqual({ text: DOCUMENT, names: [] });
  });

  test("are refused for a section that is no workload's", () => {
    const strange = "<!-- bench nothing -->\n<!-- end of nothing -->";
    expect(() => rewriteText(strange, [run("first", million)])).toThrow("nothing, which is no workload");
  });
});

describe("the promises", () => {
  const line = (results: Results): string | undefined =>
    formatGoals(results)
      .split("\n")
      .find((each) => each.includes(`larger than memory, ${CACHE_ON_FILES}`));

  test("are met up to their bound and not beyond it", () => {
    expect(line(memory(448))).toMatch(/ 448 \| +met \|$/);
    expect(line(memory(448.1))).toMatch(/\| +MISSED \|$/);
  });

  test("are not called kept where nothing was measured", () => {
    expect(line(million)).toMatch(/not measured \|$/);
  });
});
