/**
 * What the HTTP API refuses, by which status and code, and that nothing is left behind.
 */
import { tableToIPC } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { parseObjectKey } from "../../src/object/object-key.ts";
import { OpaqueWriter } from "../../src/object/opaque-writer.ts";
import { encodeTag } from "../../src/object/value-tags.ts";
import { httpCache } from "../support/http-cache.ts";
import { formOf, OBJECT, problemOf, put, send } from "../support/http-requests.ts";
import {
  dictionaryTable,
  FILE_TYPE,
  numbersOf,
  numbersTable,
  STREAM_TYPE,
  streamOf,
} from "../support/http-tables.ts";

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
    [
      "GET",
      "/v1/objects/a/s/v",
      undefined,
      { headers: { "flame-at-least-version": "new" } },
      400,
      "INVALID_REQUEST",
    ],
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
