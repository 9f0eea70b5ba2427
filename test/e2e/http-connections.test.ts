/**
 * The HTTP server below `fetch`: raw requests, aborted and slow bodies, pipelining, odd paths and keys.
 */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/limits.ts";
import { HOST, httpCache, openRaw, RawConnection } from "../support/http-cache.ts";
import { OBJECT, statusOf } from "../support/http-requests.ts";
import { numbersTable, STREAM_TYPE, streamOf } from "../support/http-tables.ts";
import { settled } from "../support/settled.ts";

describe("a body that does not arrive whole", () => {
  it("is stored only after its last byte, with a length or in chunks", async () => {
    const cache = await httpCache();
    const connection = openRaw(cache, `PUT ${OBJECT} HTTP/1.1`, HOST, "content-length: 6");
    connection.socket.write("abc");
    await settled(() => cache.context.transfers.running);
    expect(await statusOf(cache)).toBe(404);
    connection.socket.write("def");
    await connection.received(/^HTTP\/1\.1 201 /);
    const chunked = openRaw(cache, `PUT ${OBJECT} HTTP/1.1`, HOST, "transfer-encoding: chunked");
    chunked.socket.write("2\r\nxy\r\n1\r\nz\r\n0\r\n\r\n");
    await chunked.received(/^HTTP\/1\.1 200 /);
    expect(await (await fetch(cache.url + OBJECT)).text()).toBe("xyz");
  });

  it.each([
    ["content-length: 1000", "abc"],
    ["transfer-encoding: chunked", "3\r\nabc\r\n"],
  ])("leaves nothing behind when the client disconnects: %s", async (header, body) => {
    const cache = await httpCache();
    const connection = openRaw(cache, `PUT ${OBJECT} HTTP/1.1`, HOST, header);
    connection.socket.write(body);
    await expect.poll(() => cache.context.transfers.running).toBe(1);
    connection.socket.destroy();
    await expect.poll(() => cache.context.transfers.running).toBe(0);
    expect(await statusOf(cache)).toBe(404);
  });

  it("ends with DEADLINE_EXCEEDED when nothing comes for the longest idle time", async () => {
    const cache = await httpCache({ idleCallMs: 50 });
    const connection = openRaw(cache, `PUT ${OBJECT} HTTP/1.1`, HOST, "content-length: 1000");
    connection.socket.write("abc");
    const text = await connection.closed();
    expect(text).toMatch(/^HTTP\/1\.1 504 /);
    expect(text).toContain('"code":"DEADLINE_EXCEEDED"');
    expect(await statusOf(cache)).toBe(404);
  });

  it("is asked for with 100 Continue only if it would be stored", async () => {
    const cache = await httpCache();
    const expecting = ["expect: 100-continue", "content-length: 3"];
    const connection = openRaw(cache, `PUT ${OBJECT} HTTP/1.1`, HOST, ...expecting);
    await connection.received(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    connection.socket.write("abc");
    await connection.received(/\r\n\r\nHTTP\/1\.1 201 /);
    const refused = openRaw(cache, `PUT ${OBJECT} HTTP/1.1`, HOST, "if-none-match: *", ...expecting);
    const text = await refused.closed();
    expect(text).toMatch(/^HTTP\/1\.1 412 /);
    expect(text).toContain("connection: close");
  });

  it("is answered and its connection closed when it is refused before it is read", async () => {
    const cache = await httpCache();
    const refused = [`PUT ${OBJECT} HTTP/1.1`, HOST, "content-type: image/png"];
    const connection = openRaw(cache, ...refused, "content-length: 10");
    connection.socket.write("0123456789");
    await connection.received(/^HTTP\/1\.1 415 /);
    const long = openRaw(cache, ...refused, "content-length: 99999999");
    long.socket.write("0123456789");
    expect(await long.closed()).toMatch(/^HTTP\/1\.1 415 [\s\S]*connection: close/i);
  });

  it("of very many tiny chunks is stored", async () => {
    const cache = await httpCache();
    const connection = openRaw(cache, `PUT ${OBJECT} HTTP/1.1`, HOST, "transfer-encoding: chunked");
    const body = "0123456789".repeat(3000);
    connection.socket.write([...body].map((letter) => `1\r\n${letter}\r\n`).join(""));
    connection.socket.write("0\r\n\r\n");
    await connection.received(/^HTTP\/1\.1 201 /);
    expect(await (await fetch(cache.url + OBJECT)).text()).toBe(body);
  });
});

describe("a connection", () => {
  it("is kept after refusals, and answers pipelined requests in order", async () => {
    const cache = await httpCache();
    await fetch(cache.url + OBJECT, { method: "PUT", body: "value" });
    const get = (path: string, ...more: string[]) =>
      [`GET ${path} HTTP/1.1`, HOST, ...more, "", ""].join("\r\n");
    const connection = new RawConnection(cache.port);
    connection.socket.write(
      get("/v1/objects/a/s/none") + get(OBJECT) + get("/nothing") + get(OBJECT, "connection: close"),
    );
    const text = await connection.closed();
    expect([...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status)).toEqual([
      "404",
      "200",
      "404",
      "200",
    ]);
    expect(text.endsWith('\r\n\r\n"value"')).toBe(true);
  });

  it("of HTTP/1.0 gets whole answers without chunks", async () => {
    const cache = await httpCache();
    await fetch(cache.url + OBJECT, {
      method: "PUT",
      body: streamOf(numbersTable(5)) as never,
      headers: { "content-type": STREAM_TYPE },
    });
    await fetch(cache.url + OBJECT, {
      method: "PATCH",
      body: streamOf(numbersTable(5)) as never,
      headers: { "content-type": STREAM_TYPE },
    });
    const list = await openRaw(cache, "GET /v1/objects HTTP/1.0").closed();
    expect(list).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n\{"objects":\[\{.*\}\],"next":null\}\n$/);
    expect(list.toLowerCase()).not.toContain("transfer-encoding");
    const object = await openRaw(cache, `GET ${OBJECT} HTTP/1.0`).closed();
    expect(Buffer.from(object, "latin1").subarray(-8).toString("hex")).toBe("ffffffff00000000");
  });

  it.each([
    [
      "both a length and chunks",
      [`PUT ${OBJECT} HTTP/1.1`, HOST, "content-length: 3", "transfer-encoding: chunked"],
    ],
    ["two lengths", [`PUT ${OBJECT} HTTP/1.1`, HOST, "content-length: 3", "content-length: 4"]],
    ["a broken length", [`PUT ${OBJECT} HTTP/1.1`, HOST, "content-length: 3x"]],
    ["no host", [`GET ${OBJECT} HTTP/1.1`]],
    ["a space before a colon", [`GET ${OBJECT} HTTP/1.1`, HOST, "if-match : *"]],
    ["a folded header", [`GET ${OBJECT} HTTP/1.1`, HOST, "accept: a", " b"]],
  ])("with %s is answered 400 and closed", async (_name, lines) => {
    const cache = await httpCache();
    const connection = openRaw(cache, ...lines);
    connection.socket.write("abcGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    const text = await connection.closed();
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(text).not.toContain("200");
    expect(await statusOf(cache)).toBe(404);
  });

  it("with headers over the limit is answered 431 and closed", async () => {
    const cache = await httpCache();
    const long = `/v1/objects/a/s/${"x".repeat(LIMITS.httpHeaderBytesMax)}`;
    expect(await openRaw(cache, `GET ${long} HTTP/1.1`, HOST).closed()).toMatch(/^HTTP\/1\.1 431 /);
  });

  it.each([
    ["/v1/objects/a/s/../s/o", 404],
    ["/v1/objects/a/./s/o", 404],
    ["/v1/objects/a/s/%2e%2e", 400],
    ["/v1/objects/a\\s\\o", 404],
    ["/v1/objects/a/s/%2F", 400],
    ["/v1/objects/a/s/o/", 404],
    ["//v1/objects/a/s/o", 404],
    ["/v1/objects/a/s/\u00e9", 400],
    ["/v1/objects/a//o", 400],
    ["http://elsewhere/v1/objects/a/s/o", 200],
  ])("takes the path %s as it is written: %i", async (path, status) => {
    const cache = await httpCache();
    await fetch(cache.url + OBJECT, { method: "PUT", body: "value" });
    const connection = new RawConnection(cache.port);
    connection.socket.write(
      Buffer.from(`GET ${path} HTTP/1.1\r\n${HOST}\r\nconnection: close\r\n\r\n`, "latin1"),
    );
    expect((await connection.closed()).slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
  });

  it("answers HEAD on every path of GET without a body", async () => {
    const cache = await httpCache();
    for (const path of ["/healthz", "/readyz", "/openapi.json", "/v1/objects", OBJECT, "/nothing"]) {
      const text = await openRaw(cache, `HEAD ${path} HTTP/1.1`, HOST, "connection: close").closed();
      expect(text.endsWith("\r\n\r\n"), path).toBe(true);
      expect(text.indexOf("\r\n\r\n")).toBe(text.length - 4);
    }
  });
});

describe("a key with unusual characters", () => {
  it.each(["a b", "100%", "caf\u00e9 \u{1f600}", "a?b#c", "a:b", 'quote"', "x=y&z"])(
    "%j is stored, located and listed",
    async (id) => {
      const cache = await httpCache();
      const path = `/v1/objects/a/s/${encodeURIComponent(id)}`;
      const stored = await fetch(cache.url + path, { method: "PUT", body: "x" });
      expect(stored.headers.get("location")).toBe(path);
      expect(await statusOf(cache, path)).toBe(200);
      const query = new URLSearchParams({ prefix: `a/s/${id}` });
      const list = (await (await fetch(`${cache.url}/v1/objects?${query}`)).json()) as {
        objects: { key: string }[];
      };
      expect(list.objects.map(({ key }) => key)).toEqual([`a/s/${id}`]);
    },
  );
});
