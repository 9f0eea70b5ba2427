/**
 * Uploads: parts, what is sent at once, memory, failures, and what is left of an upload that does not finish.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import { PartBuffer, partBytes } from "../../../src/s3/part-buffer.ts";
import { UploadMemory } from "../../../src/s3/upload-memory.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { errorReply, reply, reset, ScriptedStore, type Step } from "../../support/scripted-store.ts";

const MIB = 1024 ** 2;
const PART = LIMITS.s3PartBytes;
let store: ScriptedStore;
beforeAll(async () => {
  store = await ScriptedStore.start();
});
afterAll(() => store.close());

/** Answers as the memory store does, but for one request that the pattern matches: `METHOD path`. */
function stumbling(memory: MemoryStore, pattern: RegExp, step: Step): Step {
  let isOver = false;
  return (response, request) => {
    const isMeant = !isOver && pattern.test(`${request.method} ${request.path}`);
    isOver ||= isMeant;
    (isMeant ? step : memory.step)(response, request);
  };
}

const linesOf = (): string[] =>
  store.seen.map(
    ({ method, path }) => `${method} ${path.replace(/uploadId=\d+/, "id").replace(/^\/box\//, "")}`,
  );

describe("an upload", () => {
  it("of one part is one PUT with its checksum and encryption", async () => {
    const memory = new MemoryStore();
    store.answer(memory.step);
    const upload = store.bucket({ encryption: { kind: "s3" } }).upload("a");
    expect(upload.append([Buffer.from("hel"), Buffer.alloc(0), Buffer.from("lo")])).toBeUndefined();
    expect(await upload.finish()).toMatchObject({ sizeBytes: 5 });
    expect(memory.objects.get("a")?.body.toString()).toBe("hello");
    expect(store.seen).toMatchObject([
      {
        method: "PUT",
        headers: { "x-amz-checksum-crc32": "NhCmhg==", "x-amz-server-side-encryption": "AES256" },
      },
    ]);
  });

  it("of nothing is an empty object", async () => {
    const memory = new MemoryStore();
    store.answer(memory.step);
    expect(await store.bucket().upload("a").finish()).toMatchObject({ sizeBytes: 0 });
    expect(memory.objects.get("a")?.body.length).toBe(0);
  });

  it("of more is made of parts in their order, with encryption at its begin and checksums at its end", async () => {
    const memory = new MemoryStore();
    store.answer(memory.step);
    const upload = store.bucket({ encryption: { kind: "kms" } }).upload("a");
    const bytes = Buffer.concat([Buffer.alloc(PART, 1), Buffer.alloc(PART, 2), Buffer.from("tail")]);
    await upload.append([bytes]);
    const { etag } = await upload.finish();
    expect(memory.objects.get("a")).toMatchObject({ etag });
    expect(memory.objects.get("a")?.body.equals(bytes)).toBe(true);
    expect(linesOf().toSorted()).toEqual([
      "POST a?id",
      "POST a?uploads=",
      "PUT a?partNumber=1&id",
      "PUT a?partNumber=2&id",
      "PUT a?partNumber=3&id",
    ]);
    expect(store.seen[0]?.headers).toMatchObject({
      "x-amz-server-side-encryption": "aws:kms",
      "x-amz-checksum-algorithm": "CRC32",
    });
    expect(store.seen.at(-1)?.body.toString()).toMatch(
      /<Part><PartNumber>1<\/PartNumber><ETag>[^<]+<\/ETag><ChecksumCRC32>[^<]{8}<\/ChecksumCRC32><\/Part><Part><PartNumber>2/,
    );
  });

  it("sends two parts at once, and then lets its caller wait", async () => {
    const memory = new MemoryStore();
    const held: (() => void)[] = [];
    store.answer((response, request) => {
      const answer = (): void => memory.step(response, request);
      if (request.path.includes("partNumber")) held.push(answer);
      else answer();
    });
    const upload = store.bucket().upload("a");
    expect(upload.append([Buffer.alloc(3 * PART)])).toBeUndefined();
    const waiting = upload.append([Buffer.from("x")]);
    expect(waiting).toBeInstanceOf(Promise);
    await vi.waitFor(() => expect(held).toHaveLength(2));
    held.shift()?.();
    await waiting;
    await vi.waitFor(() => expect(held).toHaveLength(2));
    const finished = upload.finish();
    for (const answer of held.splice(0)) answer();
    await vi.waitFor(() => expect(held).toHaveLength(1));
    held[0]?.();
    expect(await finished).toMatchObject({ sizeBytes: 3 * PART + 1 });
  });

  it.each<[string, RegExp, Step]>([
    ["part", /partNumber=1/, errorReply(503, "SlowDown")],
    ["part", /partNumber=2/, reset],
    ["begin", /POST .*uploads=/, reply(500)],
    ["end", /POST .*uploadId/, errorReply(500, "InternalError")],
    [
      "end with an error in its body",
      /POST .*uploadId/,
      reply(200, { body: "<Error><Code>InternalError</Code></Error>" }),
    ],
  ])("repeats a %s that fails", async (_name, pattern, step) => {
    const memory = new MemoryStore();
    store.answer(stumbling(memory, pattern, step));
    const upload = store.bucket().upload("a");
    await upload.append([Buffer.alloc(PART + 1, 7)]);
    expect(await upload.finish()).toMatchObject({ sizeBytes: PART + 1 });
    expect(memory.objects.get("a")?.body.equals(Buffer.alloc(PART + 1, 7))).toBe(true);
  });

  it("is done if its end was applied and the answer was lost", async () => {
    const memory = new MemoryStore();
    const applyAndReset: Step = (response, request) => {
      memory.step({ writeHead: () => {}, end: () => {} } as never, request);
      reset(response, request);
    };
    store.answer(stumbling(memory, /POST .*uploadId/, applyAndReset));
    const upload = store.bucket().upload("a");
    await upload.append([Buffer.alloc(PART + 1)]);
    expect(await upload.finish()).toMatchObject({ etag: memory.objects.get("a")?.etag, sizeBytes: PART + 1 });
    expect(linesOf().slice(-3)).toEqual(["POST a?id", "POST a?id", "HEAD a"]);
  });

  it("that fails removes its parts, and fails in each later call with the same error", async () => {
    const memory = new MemoryStore();
    const refused = errorReply(403, "AccessDenied");
    store.answer(stumbling(memory, /partNumber=2/, refused));
    const upload = store.bucket().upload("a");
    await upload.append([Buffer.alloc(2 * PART + 1)]);
    const failure = { code: "STORAGE_UNAVAILABLE", facts: { code: "AccessDenied" } };
    await expect(upload.finish()).rejects.toMatchObject(failure);
    expect(() => upload.append([Buffer.from("x")])).toThrow(/STORAGE_UNAVAILABLE.*AccessDenied/);
    await expect(upload.finish()).rejects.toMatchObject(failure);
    expect([memory.uploads.size, memory.objects.size]).toEqual([0, 0]);
  });

  it("that is aborted removes its parts, while they are sent and before", async () => {
    const memory = new MemoryStore();
    store.answer(memory.step);
    const bucket = store.bucket();
    const large = bucket.upload("a");
    await large.append([Buffer.alloc(PART + 1)]);
    await vi.waitFor(() => expect(memory.uploads.size).toBe(1));
    await Promise.all([large.abort(), large.abort()]);
    const small = bucket.upload("b");
    small.append([Buffer.from("x")]);
    await small.abort();
    expect([memory.uploads.size, memory.objects.size]).toEqual([0, 0]);
    await expect(small.finish()).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("is not aborted when it has finished", async () => {
    const memory = new MemoryStore();
    store.answer(memory.step);
    const upload = store.bucket().upload("a");
    await upload.append([Buffer.alloc(PART + 1)]);
    await upload.finish();
    await upload.abort();
    expect(memory.objects.size).toBe(1);
    expect(linesOf().at(-1)).toBe("POST a?id");
  });

  it.each<[string, RegExp, Step]>([
    ["an upload without an id", /uploads=/, reply(200, { body: "<R><UploadId></UploadId></R>" })],
    [
      "an id that is no text of a query",
      /uploads=/,
      reply(200, { body: "<R><UploadId>a\nb</UploadId></R>" }),
    ],
    ["a begin that is no XML", /uploads=/, reply(200, { body: "ok" })],
    ["a part without a tag", /partNumber=1/, reply(200)],
    ["an end without a tag", /POST .*uploadId/, reply(200, { body: "<R/>" })],
    ["an end that has lost the upload", /POST .*uploadId/, errorReply(404, "NoSuchUpload")],
  ])("fails with STORAGE_IO on %s, and leaves nothing", async (_name, pattern, step) => {
    const memory = new MemoryStore();
    store.answer((response, request) => {
      const isMeant = pattern.test(`${request.method} ${request.path}`);
      (isMeant ? step : memory.step)(response, request);
    });
    const upload = store.bucket().upload("a");
    await upload.append([Buffer.alloc(PART + 1)]);
    await expect(upload.finish()).rejects.toMatchObject({ code: "STORAGE_IO" });
    expect(memory.objects.size).toBe(0);
    expect(linesOf().filter((line) => line.startsWith("POST a?uploads"))).toHaveLength(1);
  });
});

describe("the parts of an upload", () => {
  it("hold 10 GB in parts of at most 16 MiB, and 5 TiB in 10,000 parts of at most 5 GiB", () => {
    const sizes = Array.from({ length: LIMITS.s3PartsMax }, (_, i) => partBytes(i + 1));
    const sum = (count: number): number => sizes.slice(0, count).reduce((a, b) => a + b, 0);
    expect(sum(1200)).toBeGreaterThan(10e9);
    expect(Math.max(...sizes.slice(0, 1200))).toBe(16 * MIB);
    expect(sum(10_000)).toBeGreaterThan(5 * 1024 ** 4);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(5 * 1024 ** 3);
    expect(sizes.every((size) => size % LIMITS.s3BlockBytes === 0)).toBe(true);
  });

  it("sum their bytes over blocks", () => {
    const part = new PartBuffer(1, true);
    part.addBlock(Buffer.alloc(LIMITS.s3BlockBytes));
    expect(part.append(Buffer.alloc(LIMITS.s3BlockBytes + 5, 1))).toBe(LIMITS.s3BlockBytes);
    expect(part.needsBlock).toBe(true);
    part.addBlock(Buffer.alloc(LIMITS.s3BlockBytes));
    expect(part.append(Buffer.alloc(5, 1))).toBe(5);
    const other = new PartBuffer(1, false);
    other.addBlock(Buffer.alloc(LIMITS.s3BlockBytes));
    other.append(Buffer.from("hello"));
    expect(part.chunks().map(({ length }) => length)).toEqual([LIMITS.s3BlockBytes, 5]);
    expect([other.crc32, other.sha256()]).toEqual(["NhCmhg==", undefined]);
  });
});

describe("the memory of uploads", () => {
  const BLOCK = LIMITS.s3BlockBytes;

  it("is bounded, serves those who wait in their order, and uses blocks again", async () => {
    const memory = new UploadMemory(2 * BLOCK);
    const share = memory.open(() => {});
    const [first, second] = [share.tryTake()!, share.tryTake()!];
    expect(share.tryTake()).toBeUndefined();
    const waits = [share.take(), memory.open(() => {}).take()];
    share.giveBack([first]);
    expect(await waits[0]).toBe(first);
    expect(share.tryTake()).toBeUndefined();
    share.giveBack([second]);
    expect(await waits[1]).toBe(second);
    expect(memory.usedBytes).toBe(2 * BLOCK);
  });

  it("ends an upload that brings nothing while another one waits, and not one that holds nothing", async () => {
    vi.useFakeTimers();
    try {
      const memory = new UploadMemory(2 * BLOCK);
      const ended: string[] = [];
      const open = (name: string) => {
        const share = memory.open(() => {
          ended.push(name);
          share.giveBack(held.get(name)!.splice(0));
          share.close();
        });
        return share;
      };
      const held = new Map<string, Buffer[]>();
      open("empty");
      held.set("stalled", [open("stalled").tryTake()!]);
      vi.advanceTimersByTime(LIMITS.s3StalledMs - 1);
      const busy = open("busy");
      held.set("busy", [busy.tryTake()!]);
      busy.touch(true);
      const waiting = open("waiting").take();
      vi.advanceTimersByTime(LIMITS.s3StalledMs);
      await waiting;
      expect(ended).toEqual(["stalled"]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("refuses an upload with OVERLOADED after a bounded wait", async () => {
    vi.useFakeTimers();
    try {
      const memory = new UploadMemory(BLOCK);
      const share = memory.open(() => {});
      share.tryTake();
      share.touch(true);
      const waiting = expect(memory.open(() => {}).take()).rejects.toMatchObject({ code: "OVERLOADED" });
      await vi.advanceTimersByTimeAsync(LIMITS.s3UploadWaitMs);
      await waiting;
    } finally {
      vi.useRealTimers();
    }
  });
});
