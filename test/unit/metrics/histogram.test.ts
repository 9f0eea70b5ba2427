/**
 * Histograms of fixed buckets, and counts of calls by method and code.
 */
import { describe, expect, it } from "vitest";
import { CacheError } from "../../../src/errors.ts";
import { ActionMetrics, CallMetrics, codeOfFailure } from "../../../src/metrics/call-metrics.ts";
import { Histogram } from "../../../src/metrics/histogram.ts";

function observed(...values: number[]): Histogram {
  const histogram = new Histogram([1, 2, 4]);
  for (const value of values) histogram.observe(value);
  return histogram;
}

describe("a histogram", () => {
  it("counts an observation in the first bucket whose bound it does not exceed", () => {
    expect(observed(0, 1, 1.5, 2, 4, 4.1, 100).cumulative()).toEqual([2, 4, 5, 7]);
  });

  it("adds up its observations", () => {
    expect([observed(1, 2.5).sum, observed(1, 2.5).count]).toEqual([3.5, 2]);
  });

  it("interpolates a quantile inside its bucket", () => {
    const histogram = observed(0.5, 0.5, 1.5, 1.5);
    expect([histogram.quantile(0.25), histogram.quantile(0.5), histogram.quantile(0.75)]).toEqual([
      0.5, 1, 1.5,
    ]);
  });

  it("has its last bound as the quantile of what lies above", () => {
    expect(observed(100).quantile(0.5)).toBe(4);
  });

  it("has no quantile without observations", () => {
    expect(observed().quantile(0.5)).toBeUndefined();
  });

  it("adds the observations of another one", () => {
    const sum = observed(1, 3);
    sum.add(observed(3, 9));
    expect([sum.cumulative(), sum.sum]).toEqual([[1, 1, 3, 4], 16]);
  });
});

describe("counts of calls", () => {
  it("are by code and have a duration each", () => {
    const method = new CallMetrics().method("DoGet");
    method.ended(500, "OK");
    method.ended(1000, codeOfFailure(new CacheError("OBJECT_NOT_FOUND")));
    method.ended(250, codeOfFailure(new TypeError("a bug")));
    expect([...method.codes()]).toEqual([
      ["OK", 1],
      ["OBJECT_NOT_FOUND", 1],
      ["INTERNAL", 1],
    ]);
    expect([method.seconds.count, method.seconds.sum]).toEqual([3, 1.75]);
  });

  it("of one name are one", () => {
    const calls = new CallMetrics();
    expect(calls.method("DoGet")).toBe(calls.method("DoGet"));
    expect(calls.methods).toHaveLength(1);
  });

  it("of actions are by action", () => {
    const calls = new CallMetrics();
    const actions = new ActionMetrics(calls, "DoAction");
    actions.of("PIN").ended(1, "OK");
    actions.of("PIN").ended(1, "OK");
    actions.of(undefined).ended(1, "UNKNOWN_ACTION");
    expect(calls.methods.map(({ name, seconds }) => [name, seconds.count])).toEqual([
      ["DoAction", 1],
      ["DoAction/PIN", 2],
    ]);
  });
});
