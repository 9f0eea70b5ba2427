/**
 * Lists and removals of many objects, from stores that are honest, and from others.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ListedKey } from "../../../src/s3/bucket.ts";
import type { S3Bucket } from "../../../src/s3/s3-bucket.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { cutReply, errorReply, reply, ScriptedStore, type Step } from "../../support/scripted-store.ts";

let store: ScriptedStore;
beforeAll(async () => {
  store = await ScriptedStore.start();
});
afterAll(() => store.close());

async function pagesOf(bucket: S3Bucket, prefix: string, signal?: AbortSignal): Promise<ListedKey[][]> {
  const pages: ListedKey[][] = [];
  for await (const page of bucket.list(prefix, signal)) pages.push([...page]);
  return pages;
}

function filled(names: readonly string[]): MemoryStore {
  const memory = new MemoryStore();
  for (const name of names) memory.objects.set(name, { body: Buffer.from("12345"), etag: '"1"' });
  return memory;
}

const entry = (key: string, size = "5", time = "2026-11-29T12:00:00.000Z"): string =>
  `<Contents><Key>${key}</Key><Size>${size}</Size><LastModified>${time}</LastModified></Contents>`;
const listReply = (inner: string): Step =>
  reply(200, { body: `<ListBucketResult>${inner}</ListBucketResult>` });

describe("a list", () => {
  it("has every key under the prefix, page by page, and nothing if there is none", async () => {
    const names = Array.from({ length: 250 }, (_, i) => `p/é & <${i}>+ %41`);
    store.answer(filled([...names, "q/other"]).step);
    const pages = await pagesOf(store.bucket(), "p/");
    expect(pages.map(({ length }) => length)).toEqual([100, 100, 50]);
    expect(
      pages
        .flat()
        .map(({ key }) => key)
        .toSorted(),
    ).toEqual(names.toSorted());
    expect(pages[0]?.[0]).toMatchObject({ sizeBytes: 5, modifiedMs: Date.UTC(2026, 10, 29, 12) });
    expect(await pagesOf(store.bucket(), "r/")).toEqual([]);
  });

  it("reads keys that are not encoded, if the store says so", async () => {
    store.answer(listReply(entry("p/a%41+b&amp;")));
    expect((await pagesOf(store.bucket(), "p/")).flat().map(({ key }) => key)).toEqual(["p/a%41+b&"]);
  });

  it("repeats a page that fails or is cut", async () => {
    const memory = filled(["p/1"]);
    const cut = cutReply(200, { body: "<ListBucketResult></ListBucketResult>" }, 20);
    store.answer(errorReply(503, "SlowDown"), cut, memory.step);
    expect((await pagesOf(store.bucket(), "p/")).flat()).toHaveLength(1);
    expect(store.seen).toHaveLength(3);
  });

  it.each<[string, Step]>([
    ["a key outside the prefix", listReply(entry("q/1"))],
    ["a key that is too long", listReply(entry(`p/${"x".repeat(1030)}`))],
    ["no key", listReply("<Contents><Size>1</Size></Contents>")],
    ["a size that is not one", listReply(entry("p/1", "-1"))],
    ["a size beyond numbers", listReply(entry("p/1", "9".repeat(20)))],
    ["a time that is not one", listReply(entry("p/1", "5", "soon"))],
    ["a key that is not UTF-8", listReply(`<EncodingType>url</EncodingType>${entry("p/%ff")}`)],
    ["more pages but no way there", listReply("<IsTruncated>true</IsTruncated>")],
    [
      "the same page for ever",
      listReply("<IsTruncated>true</IsTruncated><NextContinuationToken>1</NextContinuationToken>"),
    ],
    ["another document", reply(200, { body: "<Other/>" })],
    ["no XML", reply(200, { body: "keys: 1, 2" })],
    ["a page that is too large", reply(200, { body: "x".repeat(5 * 1024 ** 2) })],
    ["a document without end", listReply("<a>".repeat(100))],
  ])("ends with STORAGE_IO on %s", async (_name, step) => {
    store.answer(step);
    await expect(pagesOf(store.bucket(), "p/")).rejects.toMatchObject({ code: "STORAGE_IO" });
  });

  it("ends with the signal", async () => {
    store.answer(filled(["p/1"]).step);
    await expect(pagesOf(store.bucket(), "p/", AbortSignal.abort())).rejects.toMatchObject({
      code: "CANCELLED",
    });
  });
});

describe("a removal of many objects", () => {
  it("takes one request for a thousand, with both checksums", async () => {
    const names = Array.from({ length: 1001 }, (_, i) => `p/${i}`);
    const memory = filled([...names, "p/left"]);
    store.answer(memory.step);
    await store.bucket().removeMany(names);
    expect([...memory.objects.keys()]).toEqual(["p/left"]);
    expect(store.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /box/?delete=",
      "POST /box/?delete=",
    ]);
    expect(store.seen[0]?.headers).toMatchObject({
      "content-md5": expect.stringMatching(/^.{22}==$/),
      "x-amz-checksum-crc32": expect.stringMatching(/^.{6}==$/),
    });
  });

  it("names keys so that XML keeps them", async () => {
    store.answer(reply(200, { body: "<DeleteResult/>" }));
    await store.bucket().removeMany(["a<b>&\"'\r\n"]);
    expect(store.seen[0]?.body.toString()).toContain("<Key>a&#60;b&#62;&#38;&#34;&#39;&#13;&#10;</Key>");
  });

  it("sends nothing for no keys", async () => {
    store.answer(reply(500));
    await store.bucket().removeMany([]);
    expect(store.seen).toEqual([]);
  });

  it("takes one request for each if the store lacks it, and does not ask again", async () => {
    const memory = new MemoryStore({ lacksRemovalOfMany: true });
    store.answer(memory.step);
    const bucket = store.bucket();
    await bucket.removeMany(["a", "b"]);
    await bucket.removeMany(["c"]);
    expect(store.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /box/?delete=",
      "DELETE /box/a",
      "DELETE /box/b",
      "DELETE /box/c",
    ]);
  });

  it("fails with STORAGE_IO if an object stays, and not if one was missing", async () => {
    const failed = (code: string): Step =>
      reply(200, { body: `<DeleteResult><Error><Key>a</Key><Code>${code}</Code></Error></DeleteResult>` });
    store.answer(failed("AccessDenied"));
    await expect(store.bucket().removeMany(["a"])).rejects.toMatchObject({
      code: "STORAGE_IO",
      facts: { codes: "AccessDenied" },
    });
    store.answer(failed("NoSuchKey"));
    await store.bucket().removeMany(["a"]);
    store.answer(reply(200, { body: "<Other/>" }));
    await expect(store.bucket().removeMany(["a"])).rejects.toMatchObject({ code: "STORAGE_IO" });
  });
});
