import { describe, expect, it } from "vitest";
import { type HttpCache, httpCache } from "../support/http-cache.ts";
import { formOf, OBJECT, problemOf, put, send } from "../support/http-requests.ts";
import {
  FILE_TYPE,
  isArrowFile,
  numbersOf,
  numbersTable,
  STREAM_TYPE,
  streamOf,
} from "../support/http-tables.ts";

const STORAGES = [["files"], ["memory"], ["bucket"]] as const;
const open = (kind: string): Promise<HttpCache> => httpCache(kind === "files" ? {} : { storage: kind });

describe.each(STORAGES)("an object in %s", (kind) => {
  it("is created with 201, replaced with 200, and answers its key, version and endpoint", async () => {
    const cache = await open(kind);
    const first = await put(cache, OBJECT, "one");
    expect(first.status).toBe(201);
    expect(first.headers.get("location")).toBe(OBJECT);
    expect(await first.json()).toEqual({ key: "a/s/o", version: 1, endpoint: "grpc://127.0.0.1:9090" });
    const second = await put(cache, OBJECT, "two");
    expect(second.status).toBe(200);
    expect(second.headers.get("location")).toBeNull();
    expect(((await second.json()) as { version: number }).version).toBe(2);
    expect(second.headers.get("etag")).not.toBe(first.headers.get("etag"));
  });

  it.each([
    ["stream", STREAM_TYPE],
    ["file", FILE_TYPE],
  ])("put as an Arrow %s comes back in both forms", async (format, type) => {
    const cache = await open(kind);
    const body = await formOf(format, numbersTable(300), numbersTable(200, 300));
    expect((await put(cache, OBJECT, body, type)).status).toBe(201);
    const numbers = Array.from({ length: 500 }, (_, index) => index);
    const stream = await fetch(cache.url + OBJECT);
    expect(stream.headers.get("content-type")).toBe(STREAM_TYPE);
    expect(stream.headers.get("x-flame-rows")).toBe("500");
    const streamBody = await stream.arrayBuffer();
    expect(stream.headers.get("content-length")).toBe(`${streamBody.byteLength}`);
    expect(numbersOf(streamBody)).toEqual(numbers);
    const file = await send(cache, "GET", OBJECT, undefined, { headers: { accept: FILE_TYPE } });
    expect(file.headers.get("content-type")).toBe(FILE_TYPE);
    const fileBody = await file.arrayBuffer();
    expect(await isArrowFile(fileBody)).toBe(true);
    expect(numbersOf(fileBody)).toEqual(numbers);
    expect(file.headers.get("etag")).not.toBe(stream.headers.get("etag"));
  });

  it.each([
    [
      "application/octet-stream",
      new Uint8Array([0, 255, 7]),
      "application/octet-stream",
      new Uint8Array([0, 255, 7]),
    ],
    ["application/json", '{"x": [1, 2]}', "application/json", '{"x": [1, 2]}'],
    ["text/plain", 'say "hi"', "application/json", '"say \\"hi\\""'],
    ["application/octet-stream", "", "application/octet-stream", ""],
  ])("put as %s comes back as it was", async (type, body, answered, expected) => {
    const cache = await open(kind);
    await put(cache, OBJECT, body, type);
    const answer = await fetch(cache.url + OBJECT);
    expect(answer.headers.get("content-type")).toBe(answered);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(Buffer.from(expected));
  });

  it("of 3 MiB comes back in any range", async () => {
    const cache = await open(kind);
    const body = Buffer.alloc(3 * 2 ** 20, "0123456789");
    await put(cache, OBJECT, body);
    expect(Buffer.from(await (await fetch(cache.url + OBJECT)).arrayBuffer()).equals(body)).toBe(true);
    const ranges = [
      [0, 1],
      [2 ** 20 - 5, 2 ** 20 + 5],
      [body.length - 3, body.length],
      [7, 2 * 2 ** 20],
    ] as const;
    for (const [from, to] of ranges) {
      const answer = await send(cache, "GET", OBJECT, undefined, {
        headers: { range: `bytes=${from}-${to - 1}` },
      });
      expect(answer.status).toBe(206);
      expect(answer.headers.get("content-range")).toBe(`bytes ${from}-${to - 1}/${body.length}`);
      const part = Buffer.from(await answer.arrayBuffer());
      expect(part.equals(body.subarray(from, to))).toBe(true);
    }
    const outside = await send(cache, "GET", OBJECT, undefined, {
      headers: { range: `bytes=${body.length}-` },
    });
    expect(outside.headers.get("content-range")).toBe(`bytes */${body.length}`);
    expect(await problemOf(outside)).toEqual([416, "RANGE_NOT_SATISFIABLE"]);
  });

  it.each(["stream", "file"])("table in ranges of its %s is the same bytes", async (format) => {
    const cache = await open(kind);
    await put(cache, OBJECT, streamOf(numbersTable(2000), numbersTable(3000, 2000)), STREAM_TYPE);
    const url = `${cache.url}${OBJECT}?format=${format}`;
    const whole = Buffer.from(await (await fetch(url)).arrayBuffer());
    const parts: Buffer[] = [];
    for (let from = 0; from < whole.length; from += 9_999) {
      const answer = await fetch(url, { headers: { range: `bytes=${from}-${from + 9_998}` } });
      expect(answer.status).toBe(206);
      parts.push(Buffer.from(await answer.arrayBuffer()));
    }
    expect(Buffer.concat(parts).equals(whole)).toBe(true);
  });

  it("keeps its range only for the same version and form", async () => {
    const cache = await open(kind);
    const etag = (await put(cache, OBJECT, "0123456789")).headers.get("etag")!;
    const headers = { range: "bytes=2-3", "if-range": etag };
    const part = await send(cache, "GET", OBJECT, undefined, { headers });
    expect([part.status, await part.text()]).toEqual([206, "23"]);
    await put(cache, OBJECT, "abcdefghij");
    const whole = await send(cache, "GET", OBJECT, undefined, { headers });
    expect([whole.status, await whole.text()]).toEqual([200, "abcdefghij"]);
  });

  it("is not sent again to a client that has it", async () => {
    const cache = await open(kind);
    await put(cache, OBJECT, streamOf(numbersTable(5)), STREAM_TYPE);
    const etag = (await fetch(cache.url + OBJECT)).headers.get("etag")!;
    const held = { headers: { "if-none-match": `"other", ${etag}` } };
    const again = await send(cache, "GET", OBJECT, undefined, held);
    expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", etag]);
    expect((await send(cache, "GET", `${OBJECT}?format=file`, undefined, held)).status).toBe(200);
    const other = await send(cache, "GET", OBJECT, undefined, { headers: { "if-match": '"99"' } });
    expect(await problemOf(other)).toEqual([412, "PRECONDITION_FAILED"]);
  });

  it("answers HEAD with the headers of GET and no body", async () => {
    const cache = await open(kind);
    await put(cache, OBJECT, streamOf(numbersTable(50)), STREAM_TYPE);
    const [get, head] = [await fetch(cache.url + OBJECT), await send(cache, "HEAD", OBJECT)];
    const compared = [
      "etag",
      "content-length",
      "content-type",
      "x-flame-version",
      "last-modified",
      "accept-ranges",
    ];
    for (const name of compared) expect(head.headers.get(name)).toBe(get.headers.get(name));
    expect(await head.text()).toBe("");
    expect((await send(cache, "HEAD", "/v1/objects/a/s/none")).status).toBe(404);
  });

  it("of a table with patches has their rows in every form", async () => {
    const cache = await open(kind);
    await put(cache, OBJECT, streamOf(numbersTable(10)), STREAM_TYPE);
    for (const from of [10, 20]) {
      const answer = await send(cache, "PATCH", OBJECT, streamOf(numbersTable(10, from)), {
        type: STREAM_TYPE,
      });
      expect(answer.status).toBe(200);
    }
    const numbers = Array.from({ length: 30 }, (_, index) => index);
    const stream = await fetch(cache.url + OBJECT);
    expect(stream.headers.get("x-flame-patches")).toBe("2");
    expect(stream.headers.get("accept-ranges")).toBe("none");
    expect(numbersOf(await stream.arrayBuffer())).toEqual(numbers);
    const file = await (await fetch(`${cache.url}${OBJECT}?format=file`)).arrayBuffer();
    expect(await isArrowFile(file)).toBe(true);
    expect(numbersOf(file)).toEqual(numbers);
  });

  it("of a table is cut to whole batches with enough rows", async () => {
    const cache = await open(kind);
    await put(
      cache,
      OBJECT,
      streamOf(numbersTable(10), numbersTable(10, 10), numbersTable(10, 20)),
      STREAM_TYPE,
    );
    const rows = async (count: number, format: string): Promise<number> =>
      numbersOf(await (await fetch(`${cache.url}${OBJECT}?rows=${count}&format=${format}`)).arrayBuffer())
        .length;
    for (const format of ["stream", "file"]) {
      expect(await rows(0, format)).toBe(0);
      expect(await rows(1, format)).toBe(10);
      expect(await rows(11, format)).toBe(20);
      expect(await rows(1000, format)).toBe(30);
    }
  });

  it("of bytes with patches is their bytes after each other", async () => {
    const cache = await open(kind);
    await put(cache, OBJECT, "one ");
    await send(cache, "PATCH", OBJECT, "two ", { type: "application/octet-stream" });
    await send(cache, "PATCH", OBJECT, "three", { type: "application/octet-stream" });
    expect(await (await fetch(cache.url + OBJECT)).text()).toBe("one two three");
  });

  it("is the same after its Arrow stream was put under another key", async () => {
    const cache = await open(kind);
    await put(cache, OBJECT, '{"x":1}', "application/json");
    const rows = new Uint8Array(await (await fetch(`${cache.url}${OBJECT}?format=stream`)).arrayBuffer());
    await put(cache, "/v1/objects/a/s/copy", rows, STREAM_TYPE);
    const copy = await fetch(`${cache.url}/v1/objects/a/s/copy`);
    expect([copy.headers.get("content-type"), await copy.text()]).toEqual(["application/json", '{"x":1}']);
    const file = await fetch(`${cache.url}${OBJECT}?format=file`);
    expect(await isArrowFile(await file.arrayBuffer())).toBe(true);
  });

  it("gets an id from the server when it is put into a session", async () => {
    const cache = await open(kind);
    for (const method of ["PUT", "POST"]) {
      const created = await send(cache, method, "/v1/objects/a/s", "x", { type: "text/plain" });
      expect(created.status).toBe(201);
      expect(await (await fetch(cache.url + created.headers.get("location"))).text()).toBe('"x"');
    }
  });

  it("is deleted with 204, and with 404 when there is none", async () => {
    const cache = await open(kind);
    await put(cache, OBJECT, "x");
    expect((await send(cache, "DELETE", OBJECT)).status).toBe(204);
    expect(await problemOf(await send(cache, "DELETE", OBJECT))).toEqual([404, "OBJECT_NOT_FOUND"]);
    await put(cache, "/v1/objects/a/s/1", "x");
    await put(cache, "/v1/objects/a/s/2", "x");
    expect(await (await send(cache, "DELETE", "/v1/objects/a/s")).json()).toEqual({ deleted: 2 });
    expect(await (await send(cache, "DELETE", "/v1/objects/a/s")).json()).toEqual({ deleted: 0 });
  });
});
