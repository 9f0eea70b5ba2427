/**
 * What each answer of a store means for a write, a removal and a read, and which requests are repeated.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { WriteOutcome } from "../../../src/s3/bucket.ts";
import {
  cutReply,
  DATE_MS,
  errorReply,
  reply,
  reset,
  ScriptedStore,
  type Step,
  silence,
} from "../../support/scripted-store.ts";

let store: ScriptedStore;
beforeAll(async () => {
  store = await ScriptedStore.start();
});
afterAll(() => store.close());

const BODY = [Buffer.from("hel"), Buffer.from("lo")];
const ETAG = '"5d41402abc4b2a76b9719d911017c592"';
const tagged = { headers: { etag: ETAG } };
const QUICK = { answerMs: 60, connectMs: 60, idleMs: 60 };

describe("a write", () => {
  const DONE: WriteOutcome = { kind: "done", etag: ETAG, dateMs: DATE_MS };
  const DOUBTFUL: WriteOutcome = { kind: "doubtful" };
  it.each<[string, Step, WriteOutcome]>([
    ["200", reply(200, tagged), DONE],
    ["412", errorReply(412, "PreconditionFailed"), { kind: "conflict" }],
    ["412 without a body", reply(412), { kind: "conflict" }],
    ["404 NoSuchKey with If-Match", errorReply(404, "NoSuchKey"), { kind: "conflict" }],
    ["409", errorReply(409, "ConditionalRequestConflict"), { kind: "retry" }],
    ["503", errorReply(503, "SlowDown"), { kind: "retry" }],
    [
      "503 with Retry-After",
      errorReply(503, "SlowDown", { "retry-after": "2" }),
      { kind: "retry", afterMs: 2000 },
    ],
    [
      "503 with a long Retry-After",
      reply(503, { headers: { "retry-after": "999999999" } }),
      { kind: "retry", afterMs: 10_000 },
    ],
    ["429", reply(429), { kind: "retry" }],
    ["400 BadDigest", errorReply(400, "BadDigest"), { kind: "retry" }],
    ["500", errorReply(500, "InternalError"), DOUBTFUL],
    ["502", reply(502, { body: "<html>" }), DOUBTFUL],
    ["504", reply(504), DOUBTFUL],
    ["a reset", reset, DOUBTFUL],
    ["no answer in time", silence, DOUBTFUL],
    ["a cut answer", cutReply(200, { ...tagged, body: "0123456789" }, 4), DOUBTFUL],
    ["200 without an entity tag", reply(200), DOUBTFUL],
    ["200 with a tag that is not one", reply(200, { headers: { etag: '"a b"' } }), DOUBTFUL],
    [
      "200 with a date that is not one",
      reply(200, { headers: { ...tagged.headers, date: "yesterday" } }),
      DOUBTFUL,
    ],
  ])("that is answered with %s is one request with its outcome", async (_name, step, outcome) => {
    store.answer(step);
    const bucket = store.bucket({ times: QUICK });
    expect(await bucket.write("a", BODY, { ifMatch: ETAG })).toEqual(outcome);
    expect(store.seen).toHaveLength(1);
  });

  it.each<[string, Step, string]>([
    ["403", errorReply(403, "AccessDenied"), "STORAGE_UNAVAILABLE"],
    ["404 NoSuchBucket", errorReply(404, "NoSuchBucket"), "STORAGE_UNAVAILABLE"],
    ["301", errorReply(301, "PermanentRedirect"), "STORAGE_UNAVAILABLE"],
    ["404 of something that is not S3", reply(404, { body: "<html>no</html>" }), "STORAGE_IO"],
    ["501", errorReply(501, "NotImplemented"), "STORAGE_IO"],
    ["a status that S3 does not use", reply(226), "STORAGE_IO"],
  ])("that is answered with %s fails with a code", async (_name, step, code) => {
    store.answer(step);
    await expect(store.bucket().write("a", BODY, { ifMatch: ETAG })).rejects.toMatchObject({ code });
    expect(store.seen).toHaveLength(1);
  });

  it("may be repeated if no connection was made", async () => {
    const gone = await ScriptedStore.start();
    const { endpoint } = gone;
    await gone.close();
    expect(await store.bucket({ endpoint }).write("a", BODY)).toEqual({ kind: "retry" });
  });

  it("sends its condition, checksum, length and encryption", async () => {
    store.answer(reply(200, tagged));
    const bucket = store.bucket({ encryption: { kind: "kms", keyId: "key-1" } });
    await bucket.write("a b/c+d", BODY, { ifAbsent: true });
    await bucket.write("a", BODY, { ifMatch: ETAG });
    expect(store.seen[0]).toMatchObject({
      method: "PUT",
      path: "/box/a%20b/c%2Bd",
      headers: {
        "if-none-match": "*",
        "x-amz-checksum-crc32": "NhCmhg==",
        "content-length": "5",
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "key-1",
        "x-amz-content-sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
      },
      body: Buffer.from("hello"),
    });
    expect(store.seen[1]?.headers).toMatchObject({ "if-match": ETAG });
    const keyId = "key\r\nx: y";
    expect(() => store.bucket({ encryption: { kind: "kms", keyId } })).toThrow(/INVALID_CONFIG/);
  });
});

describe("a removal", () => {
  const DONE: WriteOutcome = { kind: "done", etag: "", dateMs: DATE_MS };
  it.each<[string, Step, string | undefined, WriteOutcome]>([
    ["204", reply(204), ETAG, DONE],
    ["412", errorReply(412, "PreconditionFailed"), ETAG, { kind: "conflict" }],
    ["404 with If-Match", errorReply(404, "NoSuchKey"), ETAG, { kind: "conflict" }],
    ["404 without a condition", errorReply(404, "NoSuchKey"), undefined, DONE],
    ["500", reply(500), ETAG, { kind: "doubtful" }],
  ])("that is answered with %s has its outcome", async (_name, step, ifMatch, outcome) => {
    store.answer(step);
    expect(await store.bucket().remove("a", ifMatch)).toEqual(outcome);
    expect(store.seen.map(({ method }) => method)).toEqual(["DELETE"]);
  });
});

describe("a read", () => {
  const FOUND = reply(200, { headers: { etag: ETAG, "x-amz-checksum-crc32": "NhCmhg==" }, body: "hello" });
  const found = { kind: "found", etag: ETAG, dateMs: DATE_MS, body: Buffer.from("hello") };

  it("returns the object, that it is the same, or that it is missing", async () => {
    const bucket = store.bucket();
    store.answer(FOUND, reply(304, { headers: { etag: ETAG } }), errorReply(404, "NoSuchKey"));
    expect(await bucket.read("a", { bytesMax: 5 })).toEqual(found);
    expect(await bucket.read("a", { bytesMax: 5, ifNoneMatch: ETAG })).toEqual({
      kind: "same",
      dateMs: DATE_MS,
    });
    expect(await bucket.read("a", { bytesMax: 5 })).toEqual({ kind: "missing", dateMs: DATE_MS });
    expect(store.seen[1]?.headers).toMatchObject({ "if-none-match": ETAG, "x-amz-checksum-mode": "ENABLED" });
  });

  it.each<[string, Step]>([
    ["503", errorReply(503, "SlowDown")],
    ["500", reply(500)],
    ["a reset", reset],
    ["a cut body", cutReply(200, { headers: { etag: ETAG }, body: "hello" }, 3)],
    ["no answer", silence],
    [
      "a wrong checksum",
      reply(200, { headers: { etag: ETAG, "x-amz-checksum-crc32": "AAAAAA==" }, body: "hello" }),
    ],
  ])("is repeated after %s", async (_name, step) => {
    store.answer(step, FOUND);
    const bucket = store.bucket({ times: QUICK });
    expect(await bucket.read("a", { bytesMax: 5 })).toEqual(found);
    expect(store.seen).toHaveLength(2);
  });

  it.each<[string, Step, string]>([
    ["a 404 that is not S3's", reply(404, { body: "<html>no such page</html>" }), "STORAGE_IO"],
    ["a bucket that does not exist", errorReply(404, "NoSuchBucket"), "STORAGE_UNAVAILABLE"],
    [
      "a body that is announced too large",
      reply(200, { headers: { etag: ETAG }, body: "123456" }),
      "STORAGE_IO",
    ],
    ["an answer without a tag", reply(200, { body: "hello" }), "STORAGE_IO"],
    [
      "an answer without a date",
      reply(200, { headers: { etag: ETAG, date: "" }, body: "hello" }),
      "STORAGE_IO",
    ],
    ["304 to a read without a condition", reply(304), "STORAGE_IO"],
    ["access that is denied", errorReply(403, "AccessDenied"), "STORAGE_UNAVAILABLE"],
  ])("is not repeated, and fails with a code, after %s", async (_name, step, code) => {
    store.answer(step);
    await expect(store.bucket().read("a", { bytesMax: 5 })).rejects.toMatchObject({ code });
    expect(store.seen).toHaveLength(1);
  });

  it("ends a body of unknown length at the bound", async () => {
    store.answer((response) => {
      response.writeHead(200, { etag: ETAG });
      response.write("x".repeat(100_000));
    });
    await expect(store.bucket().read("a", { bytesMax: 10_000 })).rejects.toMatchObject({
      code: "STORAGE_IO",
    });
  });

  it("fails with OBJECT_CORRUPT if the checksum stays wrong", async () => {
    store.answer(reply(200, { headers: { etag: ETAG, "x-amz-checksum-crc32": "AAAAAA==" }, body: "hello" }));
    await expect(store.bucket().read("a", { bytesMax: 5 })).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
    expect(store.seen).toHaveLength(3);
  });

  it("does not take a checksum of parts for one of the whole", async () => {
    store.answer(
      reply(200, { headers: { etag: ETAG, "x-amz-checksum-crc32": "AAAAAA==-2" }, body: "hello" }),
    );
    expect(await store.bucket().read("a", { bytesMax: 5 })).toMatchObject({ kind: "found" });
  });

  it("fails with STORAGE_UNAVAILABLE when the store keeps failing", async () => {
    store.answer(errorReply(503, "SlowDown"));
    const failing = store.bucket().read("a", { bytesMax: 5 });
    await expect(failing).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE", facts: { code: "SlowDown" } });
    expect(store.seen).toHaveLength(6);
  });

  it("fails with STORAGE_UNAVAILABLE if there is no store", async () => {
    const gone = await ScriptedStore.start();
    const { endpoint } = gone;
    await gone.close();
    // The name has two addresses on many machines.
    const bucket = store.bucket({ endpoint: endpoint.replace("127.0.0.1", "localhost") });
    await expect(bucket.read("a", { bytesMax: 5 })).rejects.toThrow(/STORAGE_UNAVAILABLE.*ECONNREFUSED/);
  });

  it("repeats less and less when every request fails", async () => {
    store.answer(reply(500));
    const bucket = store.bucket();
    const reads = Array.from({ length: 30 }, () => bucket.read("a", { bytesMax: 5 }));
    await Promise.allSettled(reads);
    // 30 first attempts, and the budget of 100.
    expect(bucket.counts).toMatchObject({ requests: 130, repetitions: 100 });
  });

  it("ends with the signal, while it waits for an answer and while it pauses", async () => {
    const bucket = store.bucket();
    const waiting = new AbortController();
    store.answer(() => waiting.abort());
    const read = bucket.read("a", { bytesMax: 5, signal: waiting.signal });
    await expect(read).rejects.toMatchObject({ code: "CANCELLED" });
    const pausing = new AbortController();
    store.answer(reply(503, { headers: { "retry-after": "9" } }));
    const paused = bucket.read("a", { bytesMax: 5, signal: pausing.signal });
    const cancelled = expect(paused).rejects.toMatchObject({ code: "CANCELLED" });
    await vi.waitFor(() => expect(bucket.counts.repetitions).toBe(1));
    pausing.abort();
    await cancelled;
    expect(store.seen).toHaveLength(1);
  });
});

describe("a read of a range", () => {
  const part = (
    first: number,
    last: number,
    text: string,
  ): { headers: Record<string, string>; body: string } => ({
    headers: { etag: ETAG, "content-range": `bytes ${first}-${last}/10` },
    body: text,
  });

  it("returns exactly the bytes", async () => {
    store.answer(reply(206, part(2, 4, "234")));
    expect((await store.bucket().readRange("a", 2, 3))?.toString()).toBe("234");
    expect(store.seen[0]?.headers).toMatchObject({ range: "bytes=2-4" });
  });

  it("continues the same version from where an answer broke", async () => {
    store.answer(cutReply(206, part(0, 9, "0123456789"), 4), reply(206, part(4, 9, "456789")));
    expect((await store.bucket().readRange("a", 0, 10))?.toString()).toBe("0123456789");
    expect(store.seen[1]?.headers).toMatchObject({ range: "bytes=4-9", "if-match": ETAG });
  });

  it("returns undefined for an object that is missing", async () => {
    store.answer(errorReply(404, "NoSuchKey"));
    expect(await store.bucket().readRange("a", 0, 10)).toBeUndefined();
  });

  it.each<[string, Step, string]>([
    ["416", errorReply(416, "InvalidRange"), "OBJECT_CORRUPT"],
    ["a shorter object", reply(206, part(2, 3, "23")), "OBJECT_CORRUPT"],
    ["another range", reply(206, part(1, 3, "123")), "STORAGE_IO"],
    ["no range", reply(206, { body: "234" }), "STORAGE_IO"],
    ["more bytes than the range", reply(206, part(2, 4, "23456")), "STORAGE_IO"],
    ["fewer bytes than the range", reply(206, part(2, 4, "23")), "STORAGE_IO"],
    ["the whole object", reply(200, { headers: { etag: ETAG }, body: "0123456789" }), "STORAGE_IO"],
    ["another version after a break", errorReply(412, "PreconditionFailed"), "STORAGE_IO"],
  ])("fails with a code after %s", async (_name, step, code) => {
    store.answer(step);
    await expect(store.bucket().readRange("a", 2, 3)).rejects.toMatchObject({ code });
  });
});
