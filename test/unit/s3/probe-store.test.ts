/**
 * The checks of a store pass for one that does what S3 does, and name what is wrong with each other one.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { counterProblem, problemOf } from "../../../src/s3/probe/race-conditions.ts";
import { probeStore } from "../../../src/s3/probe-store.ts";
import { MemoryStore, type StoreQuirks } from "../../support/memory-store.ts";
import { errorReply, reply, ScriptedStore } from "../../support/scripted-store.ts";

let store: ScriptedStore;
beforeAll(async () => {
  store = await ScriptedStore.start();
});
afterAll(() => store.close());

describe("the checks of a store", () => {
  it("pass for one whose conditions are atomic, and leave no object", async () => {
    const memory = new MemoryStore();
    store.answer(memory.step);
    expect(await probeStore(store.bucket(), "p/")).toMatchObject({
      refusal: undefined,
      found: {
        createIfAbsent: "atomic",
        replaceIfMatch: "atomic",
        removeIfMatch: "atomic",
        notModified: "works",
        ranges: "works",
        checksums: "works",
      },
    });
    expect([...memory.objects.keys()]).toEqual([]);
  });

  it.each<[StoreQuirks, RegExp]>([
    [{ ignores: ["PUT if-none-match"] }, /ignores or refuses If-None-Match: \* on a write/],
    [{ ignores: ["PUT if-match"] }, /ignores or refuses If-Match on a write/],
    [{ refuses: ["PUT if-match"] }, /answered 501 NotImplemented to the write/],
    [{ refuses: ["PUT if-none-match"] }, /answered 501 NotImplemented to the write/],
    [{ ignores: ["GET if-none-match"] }, /ignores If-None-Match on a read/],
    [{ ignores: ["GET range"] }, /does not return a range/],
    [{ writesLaterMs: 20 }, /not atomic: (\d of 5 writers won at once|two writers replaced the same)/],
  ])("refuse one with %o, and say why", async (quirks, reason) => {
    const memory = new MemoryStore(quirks);
    store.answer(memory.step);
    expect((await probeStore(store.bucket(), "p/")).refusal).toMatch(reason);
    expect([...memory.objects.keys()]).toEqual([]);
  });

  it.each<[StoreQuirks, object]>([
    [{ ignores: ["DELETE if-match"] }, { removeIfMatch: "ignored" }],
    [{ refuses: ["DELETE if-match"] }, { removeIfMatch: "refused" }],
    [{ ignores: ["PUT x-amz-checksum-crc32"] }, { checksums: "ignored" }],
    [{ removesLaterMs: 20 }, { removeIfMatch: "not atomic", replaceIfMatch: "atomic" }],
    [{ lacksRemovalOfMany: true }, { removeIfMatch: "atomic" }],
  ])("pass for one with %o, and record it", async (quirks, found) => {
    const memory = new MemoryStore(quirks);
    store.answer(memory.step);
    expect(await probeStore(store.bucket(), "p/")).toMatchObject({ refusal: undefined, found });
    expect([...memory.objects.keys()]).toEqual([]);
  });

  it("fail with STORAGE_UNAVAILABLE if the store cannot be used at all", async () => {
    const unavailable = { code: "STORAGE_UNAVAILABLE" };
    store.answer(errorReply(404, "NoSuchBucket"));
    await expect(probeStore(store.bucket(), "p/")).rejects.toMatchObject(unavailable);
    store.answer(new MemoryStore({ omits: ["etag"] }).step);
    await expect(probeStore(store.bucket(), "p/")).rejects.toMatchObject(unavailable);
  });

  it("refuse what is not a store, and say what it answered", async () => {
    store.answer(reply(200, { body: "<html>welcome</html>" }));
    expect((await probeStore(store.bucket(), "p/")).refusal).toMatch(/answered 200 to the read/);
  });
});

describe("the end of a race", () => {
  const done = { kind: "done", etag: "1", dateMs: 0 } as const;
  const conflict = { kind: "conflict" } as const;
  const doubtful = { kind: "doubtful" } as const;
  it.each([
    [[conflict, done], "writer 1", undefined],
    [[conflict, doubtful], "writer 1", undefined],
    [[doubtful, done], "writer 0", undefined],
    [[done, done], "writer 1", "2 of 2 writers won at once"],
    [[done, conflict], "writer 1", "another write than the winner's was kept"],
    [[conflict, conflict], "base", "no writer won"],
  ] as const)("with %o and %s has the problem: %s", (outcomes, text, problem) => {
    expect(problemOf(outcomes, text)).toBe(problem);
  });

  it.each([
    [[1, 2, 3], 3, false, undefined],
    [[1, 3], 3, true, undefined],
    [[1, 2, 2], 3, true, "two writers replaced the same version"],
    [[1, 2, 3], 2, true, "an increment was lost"],
    [[1, 2], 3, false, "2 increments made 3"],
  ] as const)(
    "with wins %o, counter %i and doubt %s has the problem: %s",
    (wins, count, isDoubtful, problem) => {
      expect(counterProblem(wins, count, isDoubtful)).toBe(problem);
    },
  );
});
