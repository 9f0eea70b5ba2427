/**
 * The trace player of bench/, and what it is there to show: the default policy hits as often as least recently used everywhere.
 */
import { describe, expect, it } from "vitest";
import { playOptimum } from "../../../bench/traces/belady.ts";
import { play } from "../../../bench/traces/player.ts";
import { TraceBuilder } from "../../../bench/traces/trace.ts";
import { tierWorkloads, workloads } from "../../../bench/traces/workloads.ts";
import { EVICTION_POLICIES } from "../../../src/config/cache-config.ts";
import { openPolicy, POLICIES } from "../../../src/eviction/open-policy.ts";
import { LIMITS } from "../../../src/limits.ts";
import { campaign } from "../../support/campaign.ts";

const EVENTS = 60_000;
/** Parts of a workload that fit. */
const ROOMS = campaign({ slice: [0.1], whole: [0.01, 0.1, 0.3] });
const TRACES = workloads(EVENTS).map((open) => open());
/** Workloads whose puts are read back. */
const READ_BACK = tierWorkloads(EVENTS)
  .map((open) => open())
  .filter(({ name }) => !name.startsWith("unread"))
  .map((trace) => [trace.name, trace] as const);

describe("playing traces", () => {
  it("counts gets that hit, and their bytes", () => {
    const builder = new TraceBuilder();
    const [a, b] = [builder.object(100), builder.object(300)];
    builder.put(a);
    for (const id of [a, b, a, b]) builder.get(id);
    const trace = builder.build("two");
    expect(trace.footprintBytes).toBe(400);
    expect(play(trace, openPolicy("lru"), { bytesMax: 400 })).toEqual({ objects: 3 / 4, bytes: 500 / 800 });
    expect(play(trace, openPolicy("lru"), { bytesMax: 300 })).toEqual({ objects: 1 / 4, bytes: 100 / 800 });
    expect(play(trace, openPolicy("none"), { bytesMax: 300 })).toEqual({ objects: 2 / 4, bytes: 200 / 800 });
  });

  it("does not hold what was deleted, and passes by what is larger than the cache", () => {
    const builder = new TraceBuilder();
    const [a, b] = [builder.object(100), builder.object(1000)];
    builder.put(a);
    builder.delete(a);
    for (const id of [a, b, b, a]) builder.get(id);
    const trace = builder.build("deleted");
    expect(play(trace, openPolicy("lru"), { bytesMax: 100 }).objects).toBe(1 / 4);
    expect(playOptimum(trace, 100).objects).toBe(1 / 4);
  });

  it("keeps a put in a memory tier if it is small, and drops the older copy in any case", () => {
    const builder = new TraceBuilder();
    const [small, large] = [builder.object(100), builder.object(101)];
    for (const id of [small, large]) {
      builder.put(id);
      for (let reads = 0; reads < 2; reads += 1) builder.get(id);
      builder.put(id);
      builder.get(id);
    }
    const trace = builder.build("tier");
    const hits = [0, 100, 101].map(
      (putBytesMax) => play(trace, openPolicy("lru"), { bytesMax: 300, tier: { putBytesMax } }).objects,
    );
    expect(hits).toEqual([2 / 6, 4 / 6, 1]);
  });

  it("finds the optimum of the textbook", () => {
    const builder = new TraceBuilder();
    const ids = [1, 2, 3, 4, 5].map(() => builder.object(10));
    for (const at of [0, 1, 2, 3, 0, 1, 4, 0, 1, 2, 3, 4]) builder.get(ids[at]!);
    const trace = builder.build("textbook");
    expect(playOptimum(trace, 30).objects).toBe(5 / 12);
    expect(play(trace, openPolicy("lru"), { bytesMax: 30 }).objects).toBe(2 / 12);
  });
});

describe.each(TRACES.map((trace) => [trace.name, trace] as const))("in the workload %s", (_name, trace) => {
  it.each(ROOMS)("with room for %d of it the default hits as often as least recently used", (part) => {
    const bytesMax = Math.floor(trace.footprintBytes * part);
    const [ours, lru] = [EVICTION_POLICIES[0], "lru" as const].map((name) =>
      play(trace, openPolicy(name), { bytesMax }),
    );
    expect(ours!.objects).toBeGreaterThanOrEqual(lru!.objects);
    expect(ours!.bytes).toBeGreaterThanOrEqual(lru!.bytes);
    expect(playOptimum(trace, bytesMax).objects).toBeGreaterThan(ours!.objects - 0.001);
  });
});

describe("a memory tier", () => {
  it.each(READ_BACK)("hits more often in the workload %s if small puts admit", (_name, trace) => {
    const bytesMax = Math.floor(trace.footprintBytes * 0.1);
    const [gets, puts] = [0, LIMITS.putAdmittedBytesMax].map(
      (putBytesMax) => play(trace, openPolicy("adaptive"), { bytesMax, tier: { putBytesMax } }).objects,
    );
    expect(puts).toBeGreaterThan(gets!);
  });
});

describe("policies by name", () => {
  it("are those that the configuration knows", () => {
    expect(Object.keys(POLICIES)).toEqual([...EVICTION_POLICIES]);
  });
});
