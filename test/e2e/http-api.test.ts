/**
 * The HTTP API with `fetch`: what each request stores, sends and answers, over files and in memory.
 */
import { tableToIPC } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { parseObjectKey } from "../../src/object/object-key.ts";
import { OpaqueWriter } from "../../src/object/opaque-writer.ts";
import { encodeTag } from "../../src/object/value-tags.ts";
import { type HttpCache, httpCache, ownDirectory } from "../support/http-cache.ts";
import {
  dictionaryTable,
  FILE_TYPE,
  isArrowFile,
  numbersOf,
  numbersTable,
  STREAM_TYPE,
  streamOf,
} from "../support/http-tables.ts";

const OBJECT = "/v1/objects/a/s/o";

interface Sent {
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function send(
  cache: HttpCache,
  method: string,
  path: string,
  body?: string | Uint8Array,
  more: Sent = {},
) {
  const headers = { ...(more.type !== undefined && { "content-type": more.type }), ...more.headers };
  return await fetch(cache.url + path, {
    method,
    headers,
    ...(body !== undefined && { body: body as never }),
  });
}

async function put(
  cache: HttpCache,
  path: string,
  body: string | Uint8Array,
  type = "application/octet-stream",
) {
  return await send(cache, "PUT", path, body, { type });
}

async function problemOf(answer: Response): Promise<[number, string]> {
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  const { status, code } = (await answer.json()) as { status: number; code: string };
  expect(status).toBe(answer.status);
  return [answer.status, code];
}

/** An Arrow stream, or the file that a cache makes of it. */
async function formOf(
  format: string,
  ...tables: readonly ReturnType<typeof numbersTable>[]
): Promise<Buffer> {
  const cache = await httpCache();
  await put(cache, OBJECT, streamOf(...tables), STREAM_TYPE);
  return Buffer.from(await (await fetch(`${cache.url}${OBJECT}?format=${format}`)).arrayBuffer());
}

const STORAGES = [["files"], ["memory"]] as const;
const open = (kind: string): Promise<HttpCache> => httpCache(kind === "memory" ? { storage: "memory" } : {});

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

describe("a write with a condition", () => {
  it("creates only with if-none-match *, and replaces only the version of if-match", async () => {
    const cache = await httpCache();
    const write = (method: string, headers: Record<string, string>) =>
      send(cache, method, OBJECT, method === "DELETE" ? undefined : "x", { headers });
    expect((await write("PUT", { "if-match": "*" })).status).toBe(412);
    expect((await write("PUT", { "if-none-match": "*" })).status).toBe(201);
    expect(await problemOf(await write("PUT", { "if-none-match": "*" }))).toEqual([
      412,
      "PRECONDITION_FAILED",
    ]);
    expect((await write("PUT", { "if-match": '"1"' })).status).toBe(200);
    expect((await write("PUT", { "if-match": '"1"' })).status).toBe(412);
    expect((await write("PATCH", { "if-match": '"1"' })).status).toBe(412);
    expect((await write("PATCH", { "if-match": '"2", "9"' })).status).toBe(200);
    expect((await write("DELETE", { "if-match": '"2"' })).status).toBe(412);
    expect((await write("DELETE", { "if-match": "3" })).status).toBe(204);
  });

  it("succeeds for one of many clients that write at once", async () => {
    const cache = await httpCache();
    const all = Array.from({ length: 12 }, () =>
      send(cache, "PUT", OBJECT, "x", { headers: { "if-none-match": "*" } }),
    );
    const statuses = (await Promise.all(all)).map(({ status }) => status).sort();
    expect(statuses).toEqual([201, ...Array(11).fill(412)]);
  });
});

describe("the version in an entity tag", () => {
  it("of files holds over a restart, and of memory does not", async () => {
    const storage = ownDirectory();
    const etagOf = async (kind: string): Promise<string | null> => {
      const cache = await httpCache({ storage: kind });
      const key = parseObjectKey("a/s/o");
      const isThere = (await cache.cache.find(key)) !== undefined;
      const answer = isThere ? await fetch(cache.url + OBJECT) : await put(cache, OBJECT, "x");
      await answer.arrayBuffer();
      await cache.stop();
      return answer.headers.get("etag");
    };
    expect(await etagOf(storage)).toBe(await etagOf(storage));
    expect(await etagOf("memory")).not.toBe(await etagOf("memory"));
  });
});

describe("a time to live", () => {
  it("is set by the parameter or the header, and ends the object", async () => {
    let nowMs = Date.UTC(2030, 0, 1);
    const cache = await httpCache({ nowMs: () => nowMs });
    await send(cache, "PUT", `${OBJECT}?ttl=60`, "x");
    await send(cache, "PUT", "/v1/objects/a/s/p", "x", { headers: { "flame-ttl-seconds": "90.5" } });
    await put(cache, "/v1/objects/a/s/q", "x");
    const expires = async (id: string) =>
      (await send(cache, "HEAD", `/v1/objects/a/s/${id}`)).headers.get("expires");
    expect(await expires("o")).toBe("Tue, 01 Jan 2030 00:01:00 GMT");
    expect(await expires("p")).toBe("Tue, 01 Jan 2030 00:01:30 GMT");
    expect(await expires("q")).toBeNull();
    nowMs += 61_000;
    expect((await fetch(cache.url + OBJECT)).status).toBe(404);
    const list = (await (await fetch(`${cache.url}/v1/objects`)).json()) as {
      objects: { expires_at: string }[];
    };
    expect(list.objects.map(({ expires_at }) => expires_at)).toEqual(["2030-01-01T00:01:30.500Z", null]);
  });
});

describe("the list", () => {
  it("comes in pages in the order of the keys", async () => {
    const cache = await httpCache();
    const ids = Array.from({ length: 25 }, (_, index) => `o${String(index).padStart(2, "0")}`);
    for (const id of [...ids].reverse()) await put(cache, `/v1/objects/a/s/${id}`, "x");
    await put(cache, "/v1/objects/b/s/x", streamOf(numbersTable(3)), STREAM_TYPE);
    const keys: string[] = [];
    let after: string | null = "";
    let pages = 0;
    while (after !== null) {
      const query = new URLSearchParams({ limit: "10", after });
      const answer = await fetch(`${cache.url}/v1/objects?${query}`);
      const page = (await answer.json()) as { objects: { key: string }[]; next: string | null };
      keys.push(...page.objects.map(({ key }) => key));
      after = page.next;
      pages += 1;
    }
    expect(pages).toBe(3);
    expect(keys).toEqual([...ids.map((id) => `a/s/${id}`), "b/s/x"]);
    const exact = await fetch(`${cache.url}/v1/objects?prefix=a/&limit=25`);
    expect(((await exact.json()) as { next: unknown }).next).toBeNull();
  });

  it("has the facts of each object", async () => {
    const cache = await httpCache();
    await put(cache, OBJECT, streamOf(numbersTable(10)), STREAM_TYPE);
    await send(cache, "PATCH", OBJECT, streamOf(numbersTable(5)), { type: STREAM_TYPE });
    await cache.cache.retaining.pin({ scope: "application", applicationId: "a" });
    const answer = await fetch(`${cache.url}/v1/objects?prefix=a/s/o`);
    expect(await answer.json()).toEqual({
      objects: [
        {
          key: "a/s/o",
          version: 2,
          kind: "table",
          rows: 15,
          data_bytes: expect.any(Number),
          stored_bytes: expect.any(Number),
          patches: 1,
          expires_at: null,
          pinned: true,
        },
      ],
      next: null,
    });
  });
});

describe("a request that cannot be served", () => {
  const json = { type: "application/json" };
  const accept = (value: string) => ({ headers: { accept: value } });
  it.each([
    ["GET", "/v1/objects/a/s/none", undefined, {}, 404, "OBJECT_NOT_FOUND"],
    ["GET", "/v1/nothing", undefined, {}, 404, "OBJECT_NOT_FOUND"],
    ["GET", "/v1/objects/a/s/t", undefined, accept("application/json"), 406, "NOT_ACCEPTABLE"],
    ["GET", "/v1/objects/a/s/v", undefined, accept("image/png"), 406, "NOT_ACCEPTABLE"],
    ["GET", "/v1/objects/a/s/v", undefined, accept("application/json"), 406, "NOT_ACCEPTABLE"],
    ["GET", "/v1/objects/a/s/t?format=xml", undefined, {}, 400, "INVALID_REQUEST"],
    ["GET", "/v1/objects/a/s/t?rows=-1", undefined, {}, 400, "INVALID_REQUEST"],
    ["GET", "/v1/objects/a/s/v?rows=1", undefined, {}, 400, "INVALID_REQUEST"],
    ["GET", "/v1/objects/a/s/t?row=1", undefined, {}, 400, "INVALID_REQUEST"],
    ["GET", "/v1/objects/a/s/t?rows=1&rows=2", undefined, {}, 400, "INVALID_REQUEST"],
    ["GET", "/v1/objects/a%2Fs/x/o", undefined, {}, 400, "INVALID_KEY"],
    ["GET", "/v1/objects/a/s/a%0d%0ab", undefined, {}, 400, "INVALID_KEY"],
    ["GET", "/v1/objects/a/s/a%5cb", undefined, {}, 400, "INVALID_KEY"],
    ["GET", `/v1/objects/a/s/${"x".repeat(201)}`, undefined, {}, 400, "INVALID_KEY"],
    ["GET", "/v1/objects/a/s/%ff", undefined, {}, 400, "INVALID_REQUEST"],
    ["GET", "/v1/objects?limit=0", undefined, {}, 400, "INVALID_REQUEST"],
    ["GET", "/v1/objects?limit=10001", undefined, {}, 400, "INVALID_REQUEST"],
    ["GET", "/v1/objects?after=a/s", undefined, {}, 400, "INVALID_KEY"],
    ["GET", "/v1/objects?prefix=a/s/o/x", undefined, {}, 400, "INVALID_KEY"],
    ["PATCH", "/v1/objects/a/s/none", "{}", json, 404, "OBJECT_NOT_FOUND"],
    ["PATCH", "/v1/objects/a/s/t", "{}", json, 400, "INVALID_REQUEST"],
    ["PUT", "/v1/objects/a/s/o", "x", { type: "image/png" }, 415, "UNSUPPORTED_MEDIA_TYPE"],
    [
      "PUT",
      "/v1/objects/a/s/o",
      "x",
      { headers: { "content-encoding": "gzip" } },
      415,
      "UNSUPPORTED_MEDIA_TYPE",
    ],
    ["PUT", "/v1/objects/a/s/o", "no arrow", { type: STREAM_TYPE }, 422, "INVALID_IPC"],
    ["PUT", "/v1/objects/a/s/o", "no arrow", { type: FILE_TYPE }, 422, "INVALID_IPC"],
    ["PUT", "/v1/objects/a/s/o", "", { type: STREAM_TYPE }, 422, "INVALID_IPC"],
    [
      "PUT",
      "/v1/objects/a/s/o",
      Buffer.from("ffffffffffffff7f", "hex"),
      { type: STREAM_TYPE },
      413,
      "OBJECT_TOO_LARGE",
    ],
    ["PUT", "/v1/objects/a/s/o", Buffer.from([0xff]), { type: "text/plain" }, 422, "INVALID_VALUE"],
    ["PUT", "/v1/objects/a/s/o?ttl=-1", "x", {}, 400, "INVALID_REQUEST"],
    ["PUT", "/v1/objects/a/s/o", "x", { headers: { "flame-durability": "most" } }, 400, "INVALID_REQUEST"],
    ["PUT", "/v1/objects/a/s/o", "x", { headers: { "if-match": "nonsense" } }, 400, "INVALID_REQUEST"],
    ["POST", "/v1/objects/a/s/o", "x", json, 405, "METHOD_NOT_ALLOWED"],
    ["DELETE", "/v1/objects", undefined, {}, 405, "METHOD_NOT_ALLOWED"],
    ["OPTIONS", "/v1/objects", undefined, {}, 405, "METHOD_NOT_ALLOWED"],
  ] as const)("is refused: %s %s", async (method, path, body, more, status, code) => {
    const cache = await httpCache();
    await put(cache, "/v1/objects/a/s/t", streamOf(numbersTable(3)), STREAM_TYPE);
    await put(cache, "/v1/objects/a/s/v", "value");
    const answer = await send(cache, method, path, body, more);
    expect(await problemOf(answer)).toEqual([status, code]);
    expect((await fetch(`${cache.url}/v1/objects/a/s/o`)).status).toBe(404);
    expect(cache.context.transfers.running).toBe(0);
  });

  it("names the methods of the path", async () => {
    const cache = await httpCache();
    const answer = await send(cache, "POST", OBJECT, "x");
    expect(answer.headers.get("allow")).toBe("GET, HEAD, PUT, PATCH, DELETE");
  });

  it("has no Arrow file for a table whose patches replace a dictionary", async () => {
    const cache = await httpCache();
    const body = streamOf(dictionaryTable(3));
    await put(cache, OBJECT, body, STREAM_TYPE);
    const file = await (await fetch(`${cache.url}${OBJECT}?format=file`)).arrayBuffer();
    expect(numbersOf(file)).toEqual([0, 1, 2]);
    expect((await send(cache, "PATCH", OBJECT, body, { type: STREAM_TYPE })).status).toBe(200);
    expect(await problemOf(await fetch(`${cache.url}${OBJECT}?format=file`))).toEqual([
      406,
      "NOT_ACCEPTABLE",
    ]);
    expect(numbersOf(await (await fetch(cache.url + OBJECT)).arrayBuffer())).toEqual([0, 1, 2, 0, 1, 2]);
  });

  it("has no Arrow file for a table that replaces a dictionary midway", async () => {
    const cache = await httpCache();
    await put(cache, OBJECT, streamOf(dictionaryTable(3), dictionaryTable(3, 7)), STREAM_TYPE);
    expect(await problemOf(await fetch(`${cache.url}${OBJECT}?format=file`))).toEqual([
      406,
      "NOT_ACCEPTABLE",
    ]);
    expect(numbersOf(await (await fetch(cache.url + OBJECT)).arrayBuffer())).toEqual([0, 1, 2, 7, 8, 9]);
  });

  it("has no joined form for JSON with patches", async () => {
    const cache = await httpCache();
    await put(cache, OBJECT, "[1]", "application/json");
    await send(cache, "PATCH", OBJECT, "[2]", { type: "application/json" });
    expect(await problemOf(await fetch(cache.url + OBJECT))).toEqual([406, "NOT_ACCEPTABLE"]);
    expect((await fetch(`${cache.url}${OBJECT}?format=stream`)).status).toBe(200);
  });
});

describe("Arrow data of a writer that leaves something out", () => {
  it("is refused without its schema, as in a file of apache-arrow for JavaScript", async () => {
    const cache = await httpCache();
    const answer = await put(cache, OBJECT, tableToIPC(numbersTable(3), "file"), FILE_TYPE);
    expect(((await answer.json()) as { detail: string }).detail).toContain(
      "the first message is not a schema",
    );
  });

  it.each([
    ["a stream without its end", STREAM_TYPE, (bytes: Buffer) => bytes.subarray(0, -8)],
    ["a file without the end of its stream", FILE_TYPE, withoutEnd],
    ["a file with more padding behind its magic", FILE_TYPE, withPadding],
  ])("is stored: %s", async (_name, type, change) => {
    const cache = await httpCache();
    const whole = await formOf(type === FILE_TYPE ? "file" : "stream", numbersTable(20));
    expect((await put(cache, OBJECT, change(whole), type)).status).toBe(201);
    expect(numbersOf(await (await fetch(cache.url + OBJECT)).arrayBuffer())).toHaveLength(20);
  });
});

/** The footer follows the last message. */
function withoutEnd(file: Buffer): Buffer {
  const footerBytes = file.readInt32LE(file.length - 10) + 10;
  const end = file.length - footerBytes;
  return Buffer.concat([file.subarray(0, end - 8), file.subarray(end)]);
}

/** As arrow-rs writes it; the positions in the footer are not read. */
function withPadding(file: Buffer): Buffer {
  return Buffer.concat([file.subarray(0, 8), Buffer.alloc(56), file.subarray(8)]);
}

describe("truncated Arrow data", () => {
  it.each([
    ["stream", STREAM_TYPE],
    ["file", FILE_TYPE],
  ])("is refused wherever the %s is cut, and leaves nothing behind", async (format, type) => {
    const cache = await httpCache();
    const whole = await formOf(format, numbersTable(20));
    const lengths = Array.from({ length: 40 }, (_, index) => Math.floor((index * (whole.length - 9)) / 40));
    const statuses = new Set<number>();
    for (const length of lengths)
      statuses.add((await put(cache, OBJECT, whole.subarray(0, length), type)).status);
    // A stream may end behind any whole message.
    expect([...statuses].every((status) => [201, 200, 422].includes(status))).toBe(true);
    expect(statuses).toContain(422);
    const rest = await put(cache, "/v1/objects/a/s/more", Buffer.concat([whole, Buffer.from("more")]), type);
    expect(await problemOf(rest)).toEqual([422, "INVALID_IPC"]);
    expect((await fetch(`${cache.url}/v1/objects/a/s/more`)).status).toBe(404);
  });
});

describe("a value of a client", () => {
  it("without a tag, or with one that only Python reads, is sent as it is", async () => {
    const cache = await httpCache();
    const pickle = Buffer.concat([encodeTag("cloudpickle"), Buffer.from("pickle")]);
    const draft = cache.cache.draftPut(parseObjectKey("a/s/o"), "opaque");
    const writer = new OpaqueWriter(draft.sink);
    await writer.append([pickle]);
    await draft.commit(writer);
    const answer = await fetch(cache.url + OBJECT);
    expect(answer.headers.get("content-type")).toBe("application/octet-stream");
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(pickle);
  });
});
