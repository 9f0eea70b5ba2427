import { describe, expect, it } from "vitest";
import { isCacheError } from "../../../../src/errors.ts";
import { LIMITS } from "../../../../src/limits.ts";
import type { WriteOutcome } from "../../../../src/s3/bucket.ts";
import { BucketReplica, KEY, valuesOf } from "../../../support/bucket-replica.ts";

type Write = BucketReplica["bucket"]["write"];

/** Replaces what the next writes of a manifest meet; `null` lets one pass. */
function script(
  replica: BucketReplica,
  steps: readonly ((write: () => Promise<WriteOutcome>) => Promise<WriteOutcome>)[],
): void {
  const { bucket } = replica;
  const write: Write = bucket.write.bind(bucket);
  const left = [...steps];
  bucket.write = (key, chunks, condition) => {
    const step = left.shift();
    const send = (): Promise<WriteOutcome> => write(key, chunks, condition);
    return step === undefined ? send() : step(send);
  };
}

const lost = async (write: () => Promise<WriteOutcome>): Promise<WriteOutcome> => {
  await write();
  return { kind: "doubtful" };
};
const unsent = async (): Promise<WriteOutcome> => ({ kind: "doubtful" });
const busy = async (): Promise<WriteOutcome> => ({ kind: "retry" });

async function withObject(): Promise<BucketReplica> {
  const replica = new BucketReplica();
  await replica.run(replica.put("base"));
  return replica;
}

function factsOf(error: unknown): unknown {
  return isCacheError(error, "STORAGE_UNAVAILABLE") ? error.facts : error;
}

describe("a write", () => {
  it.each([
    ["whose answer was lost is recognized", [lost]],
    ["whose answers were lost again and again is recognized", [lost, unsent, unsent]],
    ["that never arrived is repeated", [unsent, unsent]],
    ["that the store refuses for a while is repeated", [busy, busy, busy]],
    ["that arrived at its second attempt is recognized", [busy, unsent, lost]],
  ])("%s", async (_, steps) => {
    const replica = await withObject();
    script(replica, steps);
    expect(await replica.run(replica.patch("+"))).toMatchObject({ kind: "done", version: 2 });
    expect(await replica.run(replica.beside().get())).toEqual(["base", "+"]);
  });

  it("is recognized behind 31 changes of others, and counts once", async () => {
    const replica = await withObject();
    const other = replica.beside();
    script(replica, [
      async (write) => {
        await write();
        for (let change = 0; change < LIMITS.operationsKeptMax - 1; change += 1)
          await other.patch(`${change}`);
        return { kind: "doubtful" };
      },
    ]);
    expect(await replica.run(replica.patch("mine"))).toMatchObject({ kind: "done", version: 2 });
    const values = await replica.run(other.get());
    expect(values?.filter((value) => value === "mine")).toHaveLength(1);
    expect(values).toHaveLength(33);
  });

  it("has an unknown outcome behind more changes than a manifest remembers, and is not made again", async () => {
    const replica = await withObject();
    const other = replica.beside();
    script(replica, [
      async (write) => {
        await write();
        for (let change = 0; change < LIMITS.operationsKeptMax; change += 1) await other.patch(`${change}`);
        return { kind: "doubtful" };
      },
    ]);
    const error: unknown = await replica.run(replica.patch("mine").catch((failure: unknown) => failure));
    expect(factsOf(error)).toMatchObject({ outcome: "unknown" });
    expect(String(error)).toContain(
      "more than 32 other changes were made meanwhile; it may have been applied",
    );
    const values = await replica.run(other.get());
    expect(values?.filter((value) => value === "mine")).toHaveLength(1);
  });

  it("that never arrived is made again behind 32 changes of others, which a manifest remembers", async () => {
    const replica = await withObject();
    const other = replica.beside();
    script(replica, [
      async () => {
        for (let change = 0; change < LIMITS.operationsKeptMax; change += 1) await other.patch(`${change}`);
        return { kind: "doubtful" };
      },
    ]);
    expect(await replica.run(replica.patch("mine"))).toMatchObject({ kind: "done", version: 34 });
    expect((await replica.run(other.get()))?.at(-1)).toBe("mine");
  });

  it("stays in doubt if the store refuses a condition that holds", async () => {
    const replica = await withObject();
    const other = replica.beside();
    let arrive: () => Promise<WriteOutcome> = unsent;
    script(replica, [
      async (write) => {
        arrive = write;
        return { kind: "doubtful" };
      },
      async () => ({ kind: "conflict" }),
      async (write) => {
        await arrive();
        for (let change = 0; change < LIMITS.operationsKeptMax; change += 1) await other.patch(`${change}`);
        return await write();
      },
    ]);
    const error: unknown = await replica.run(replica.patch("mine").catch((failure: unknown) => failure));
    expect(factsOf(error)).toMatchObject({ outcome: "unknown" });
    expect((await replica.run(other.get()))?.filter((value) => value === "mine")).toHaveLength(1);
  });

  it("counts deletes, which keep the version, as changes", async () => {
    const replica = await withObject();
    const other = replica.beside();
    script(replica, [
      async (write) => {
        await write();
        for (let change = 0; change < LIMITS.operationsKeptMax / 2; change += 1) {
          await other.delete();
          await other.put("other");
        }
        return { kind: "doubtful" };
      },
    ]);
    const error: unknown = await replica.run(replica.patch("mine").catch((failure: unknown) => failure));
    expect(factsOf(error)).toMatchObject({ outcome: "unknown" });
  });

  it("is made again from what another replica wrote meanwhile", async () => {
    const replica = await withObject();
    const other = replica.beside();
    await replica.run(other.patch("theirs"));
    expect(await replica.run(replica.patch("mine"))).toMatchObject({ kind: "done", version: 3 });
    expect(await replica.run(other.get())).toEqual(["base", "theirs", "mine"]);
  });

  it("that never arrived in time has an unknown outcome, and is no longer sent", async () => {
    const replica = await withObject();
    script(
      replica,
      Array.from({ length: 100 }, () => unsent),
    );
    const error: unknown = await replica.run(replica.patch("mine").catch((failure: unknown) => failure));
    expect(factsOf(error)).toMatchObject({ outcome: "unknown" });
    const sent = (error as { facts: { tries: number } }).facts.tries;
    expect(sent).toBeGreaterThan(10);
    expect(sent).toBeLessThanOrEqual(LIMITS.bucketWriteTriesMax);
  });

  it("that the store refused all the time was not applied", async () => {
    const replica = await withObject();
    script(
      replica,
      Array.from({ length: 100 }, () => busy),
    );
    const error: unknown = await replica.run(replica.patch("mine").catch((failure: unknown) => failure));
    expect(factsOf(error)).toMatchObject({ outcome: "not applied" });
    expect(replica.contents.time.nowMs).toBeLessThan(2 * LIMITS.bucketWriteMsMax);
  });

  it("has an unknown outcome if the store is lost after an attempt in doubt", async () => {
    const replica = await withObject();
    script(replica, [
      async (write) => {
        await lost(write);
        replica.bucket.isDown = true;
        return { kind: "doubtful" };
      },
      async () => ({ kind: "conflict" }),
    ]);
    const error: unknown = await replica.run(replica.patch("mine").catch((failure: unknown) => failure));
    expect(factsOf(error)).toMatchObject({ outcome: "unknown" });
  });

  it("is not acknowledged if the process stood still for so long that its blobs may be garbage", async () => {
    const replica = await withObject();
    script(replica, [
      async (write) => {
        const outcome = await write();
        await replica.contents.time.pause(LIMITS.garbageGraceMs);
        return outcome;
      },
    ]);
    const error: unknown = await replica.run(replica.put("mine").catch((failure: unknown) => failure));
    expect(factsOf(error)).toMatchObject({ outcome: "unknown" });
  });

  it("does not refer to a blob that was complete long before", async () => {
    const replica = await withObject();
    const staged = replica.objects.stage(KEY);
    await staged.append([Buffer.alloc(LIMITS.manifestInlineBytesMax + 1)]);
    const body = await replica.run(staged.finish());
    await replica.later(LIMITS.blobCommitMsMax + 1);
    const terms = { form: "file", kind: "opaque", rowCount: 1, dataBytes: 1 } as const;
    const error: unknown = await replica.run(
      replica.objects.put(KEY, body, terms).catch((failure: unknown) => failure),
    );
    expect(factsOf(error)).toMatchObject({ outcome: "not applied", tries: 0 });
  });

  it("waits for its turn: writes of one key in one replica never meet", async () => {
    const replica = await withObject();
    const patches = Array.from({ length: 20 }, (_, index) => replica.patch(`${index}`));
    expect(await replica.costOf(() => Promise.all(patches))).toBe(20);
    expect(await replica.run(replica.get())).toHaveLength(21);
  });

  it("ends in time behind many others of its key while the store does not answer", async () => {
    const replica = new BucketReplica({ latencyMs: 5_000 });
    replica.bucket.isDown = true;
    const deletes = Array.from({ length: 64 }, () => replica.delete().catch((failure: unknown) => failure));
    const errors = await replica.run(Promise.all(deletes));
    expect(errors.every((error) => isCacheError(error, "STORAGE_UNAVAILABLE"))).toBe(true);
    expect(replica.contents.time.nowMs).toBeLessThan(3 * LIMITS.bucketWriteMsMax);
  });
});

describe("a replica that is killed", () => {
  const steps = Array.from({ length: 8 }, (_, index) => ({
    request: 1 + (index >> 1),
    isApplied: index % 2 === 1,
  }));

  it.each(steps)(
    "at request $request of a put, applied: $isApplied, leaves the old or the new object",
    async (step) => {
      const replica = new BucketReplica();
      await replica.run(replica.put("old"));
      const killed = replica.beside();
      killed.bucket.cutAt(step.request, step.isApplied);
      const put = killed.put(Buffer.alloc(LIMITS.manifestInlineBytesMax + 1, "n"));
      await replica.run(Promise.race([put, killed.bucket.whenCut]));
      await replica.later(1000);
      const values = await replica.run(replica.get());
      const lengths = values?.map((value) => value.length);
      expect([[3], [LIMITS.manifestInlineBytesMax + 1]]).toContainEqual(lengths);
      expect(await replica.run(replica.patch("+"))).toMatchObject({ kind: "done" });
      expect(await replica.run(replica.beside().objects.get(KEY).then(valuesOf))).toEqual([
        ...(values ?? []),
        "+",
      ]);
    },
  );
});
