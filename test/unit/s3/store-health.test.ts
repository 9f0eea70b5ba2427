/**
 * When a store counts as unreachable, and what that means for requests: in virtual time, and over a scripted store.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import { StoreHealth } from "../../../src/s3/requests/store-health.ts";
import type { S3Bucket } from "../../../src/s3/s3-bucket.ts";
import { BucketObjects } from "../../../src/storage/s3/bucket-objects.ts";
import { KEY } from "../../support/bucket-replica.ts";
import { Random } from "../../support/random.ts";
import { errorReply, reply, reset, ScriptedStore, type Step, silence } from "../../support/scripted-store.ts";
import { VirtualTime } from "../../support/virtual-time.ts";

const FAILURE = "connect ECONNREFUSED";
/** Trials and the longest pauses before them. */
const DECIDED_MS = LIMITS.s3FailedTrials * (LIMITS.s3TrialPauseMs + LIMITS.s3TrialMs);

class Judged {
  readonly time = new VirtualTime();
  readonly trialsMs: number[] = [];
  readonly changesMs: number[] = [];
  broken = 0;
  failure: string | undefined = FAILURE;
  trialMs = 0;
  readonly health = new StoreHealth({
    host: "store",
    timing: this.time.timing(new Random(1)),
    trial: async () => {
      this.trialsMs.push(this.time.nowMs);
      if (this.trialMs > 0) await this.time.pause(this.trialMs);
      return this.failure;
    },
    onUnreachable: () => {
      this.broken += 1;
    },
  });

  constructor() {
    this.health.onChange(() => this.changesMs.push(this.time.nowMs));
  }

  later(ms: number): Promise<void> {
    return this.time.run(this.time.pause(ms));
  }
}

describe("a store", () => {
  it("is unreachable after bad news and two failed trials, within two seconds if they fail at once", async () => {
    const { health, ...judged } = new Judged();
    const { time, trialsMs } = judged;
    health.badNews();
    await time.run(time.pause(2 * LIMITS.s3TrialPauseMs));
    expect(health.unreachable).toBe(FAILURE);
    expect(trialsMs.length).toBeGreaterThanOrEqual(2);
    expect(trialsMs[0]).toBeGreaterThanOrEqual(LIMITS.s3TrialPauseMs / 2);
  });

  it("is unreachable whatever new requests begin and fail meanwhile", async () => {
    const judged = new Judged();
    for (let times = 0; times < 20; times += 1) {
      judged.health.began();
      await judged.later(50);
      judged.health.badNews();
      judged.health.ended();
      await judged.later(50);
    }
    expect(judged.changesMs).toHaveLength(1);
  });

  it("is tried again about every second, and reachable with the first answer", async () => {
    const judged = new Judged();
    judged.health.badNews();
    await judged.later(60_000);
    expect(judged.trialsMs.length).toBeGreaterThanOrEqual(60);
    expect(judged.trialsMs.length).toBeLessThanOrEqual(120);
    judged.failure = undefined;
    await judged.later(LIMITS.s3TrialPauseMs);
    expect(judged.health.unreachable).toBeUndefined();
    const trials = judged.trialsMs.length;
    await judged.later(60_000);
    expect(judged.trialsMs).toHaveLength(trials);
    expect([judged.changesMs.length, judged.broken]).toEqual([2, 1]);
  });

  it("that answers a request after bad news is not tried", async () => {
    const judged = new Judged();
    for (let times = 0; times < 100; times += 1) {
      judged.health.badNews();
      await judged.later(10);
      judged.health.goodNews();
      await judged.later(10);
    }
    await judged.later(10_000);
    expect(judged.trialsMs).toEqual([]);
  });

  it("that answers a trial is reachable, however often one key fails", async () => {
    const judged = new Judged();
    judged.failure = undefined;
    for (let times = 0; times < 100; times += 1) {
      judged.health.badNews();
      await judged.later(100);
    }
    expect(judged.changesMs).toEqual([]);
    expect(judged.trialsMs.length).toBeGreaterThan(5);
  });

  it("that is silent while a request waits is found out before the request's own time ends", async () => {
    const judged = new Judged();
    judged.trialMs = LIMITS.s3TrialMs;
    judged.health.began();
    await judged.later(LIMITS.s3AnswerMs);
    expect(judged.changesMs).toHaveLength(1);
    expect(judged.changesMs[0]).toBeLessThanOrEqual(LIMITS.s3SilenceMs + DECIDED_MS);
    expect(judged.broken).toBe(1);
  });

  it("with one slow key is tried now and then, and stays reachable", async () => {
    const judged = new Judged();
    judged.failure = undefined;
    judged.health.began();
    await judged.later(120_000);
    judged.health.ended();
    expect(judged.changesMs).toEqual([]);
    expect(judged.trialsMs.length).toBeGreaterThan(20);
    const trials = judged.trialsMs.length;
    await judged.later(60_000);
    expect(judged.trialsMs.length - trials).toBeLessThanOrEqual(1);
  });

  it("with one slow key is not tried while it answers others", async () => {
    const judged = new Judged();
    judged.health.began();
    for (let times = 0; times < 60; times += 1) {
      judged.health.began();
      await judged.later(500);
      judged.health.goodNews();
      judged.health.ended();
    }
    expect(judged.trialsMs).toEqual([]);
  });

  it("is not tried after its client was closed", async () => {
    const judged = new Judged();
    judged.health.badNews();
    judged.health.stop();
    await judged.later(60_000);
    expect([judged.trialsMs, judged.changesMs]).toEqual([[], []]);
  });
});

describe("requests to a store", () => {
  const UNAVAILABLE = { code: "STORAGE_UNAVAILABLE" };
  const TAGGED = reply(200, { headers: { etag: '"1"' } });
  const read = (bucket: S3Bucket, key = "a") => bucket.read(key, { bytesMax: 5 });
  let store: ScriptedStore;
  beforeEach(async () => {
    vi.spyOn(LIMITS, "s3TrialPauseMs", "get").mockReturnValue(20 as never);
    vi.spyOn(LIMITS, "s3SilenceMs", "get").mockReturnValue(20 as never);
    vi.spyOn(LIMITS, "s3TrialMs", "get").mockReturnValue(40 as never);
    store = await ScriptedStore.start();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await store.close();
  });

  const changed = (bucket: S3Bucket) =>
    new Promise<void>((resolve) => bucket.requests.health.onChange(resolve));

  it.each<[string, Step]>([
    ["resets connections", reset],
    ["answers 500", reply(500)],
    ["answers 503 as a proxy without a store does", reply(503)],
    ["is silent", silence],
  ])("that %s fail at once when that is known, and succeed when it is back", async (_name, step) => {
    store.answer(step);
    store.trialStep = step;
    const bucket = store.bucket();
    const down = changed(bucket);
    await expect(read(bucket)).rejects.toMatchObject(UNAVAILABLE);
    await down;
    const { requests } = bucket.counts;
    const calls = [
      read(bucket),
      bucket.write("b", []),
      bucket.removeMany(["c"]),
      bucket.readRange("d", 0, 1),
    ];
    for (const call of calls) await expect(call).rejects.toThrow(/STORAGE_UNAVAILABLE.*was not sent/);
    expect(bucket.counts.requests).toBe(requests);
    const up = changed(bucket);
    store.answer(TAGGED);
    store.trialStep = errorReply(404, "NoSuchKey");
    await up;
    expect(await read(bucket)).toMatchObject({ kind: "found" });
  });

  it("that slows them down are repeated, and no trial is sent", async () => {
    store.answer(...Array.from({ length: 4 }, () => errorReply(503, "SlowDown")), TAGGED);
    const bucket = store.bucket();
    expect(await read(bucket)).toMatchObject({ kind: "found" });
    expect(store.trials).toBe(0);
  });

  it("that never answers one of them go on", async () => {
    store.answer((response, request) =>
      request.path === "/box/slow" ? undefined : TAGGED(response, request),
    );
    const bucket = store.bucket({ times: { answerMs: 500 } });
    const slow = bucket.write("slow", []);
    const changes = changed(bucket).then(() => "changed");
    expect(await Promise.race([slow, changes])).toEqual({ kind: "doubtful" });
    expect(await read(bucket)).toMatchObject({ kind: "found" });
    expect(store.trials).toBeGreaterThan(0);
  });

  it("that are refused for their credentials reach it", async () => {
    store.answer(reset, errorReply(403, "AccessDenied"));
    store.trialStep = errorReply(403, "AccessDenied");
    const bucket = store.bucket();
    await expect(read(bucket)).rejects.toThrow(/refuses the credentials/);
    expect(bucket.requests.health.unreachable).toBeUndefined();
  });

  it("end a write that was sent with an unknown outcome, and one that was not with a clean refusal", async () => {
    store.answer(silence);
    store.trialStep = silence;
    const bucket = store.bucket();
    const objects = new BucketObjects(bucket);
    const write = () => objects.manifests.write(KEY, () => ({ kind: "write", version: 1 }));
    await expect(write()).rejects.toMatchObject({ ...UNAVAILABLE, facts: { outcome: "unknown" } });
    await expect(write()).rejects.toThrow(/was not sent/);
  });

  it("that hangs end gets that wait for the next validation with the one before it", async () => {
    store.answer(silence);
    store.trialStep = silence;
    const bucket = store.bucket();
    const objects = new BucketObjects(bucket);
    const gets = [objects.get(KEY), objects.get(KEY), objects.get(KEY)];
    const outcomes = await Promise.allSettled(gets);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(store.seen.length).toBe(1);
  });
});
