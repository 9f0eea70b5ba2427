/**
 * The HTTP server below `fetch`: raw requests, aborted and slow bodies, pipelining, other origins, access.
 */
import { describe, expect, it } from "vitest";
import type { AccessControl } from "../../src/access/access-control.ts";
import { AccessPolicy, type AccessRule } from "../../src/access/access-policy.ts";
import { CacheError } from "../../src/errors.ts";
import { LIMITS } from "../../src/limits.ts";
import { type HttpCache, httpCache, RawConnection } from "../support/http-cache.ts";
import { numbersTable, STREAM_TYPE, streamOf } from "../support/http-tables.ts";
import { settled } from "../support/settled.ts";

const OBJECT = "/v1/objects/a/s/o";
const HOST = "host: 127.0.0.1";

function raw(cache: HttpCache, ...lines: readonly string[]): RawConnection {
  const connection = new RawConnection(cache.port);
  connection.send(...lines);
  return connection;
}

async function statusOf(cache: HttpCache, path = OBJECT): Promise<number> {
  const answer = await fetch(cache.url + path);
  await answer.arrayBuffer();
  return answer.status;
}

describe("a body that does not arrive whole", () => {
  it("is stored only after its last byte, with a length or in chunks", async () => {
    const cache = await httpCache();
    const connection = raw(cache, `PUT ${OBJECT} HTTP/1.1`, HOST, "content-length: 6");
    connection.socket.write("abc");
    await settled(() => cache.context.transfers.running);
    expect(await statusOf(cache)).toBe(404);
    connection.socket.write("def");
    await connection.received(/^HTTP\/1\.1 201 /);
    const chunked = raw(cache, `PUT ${OBJECT} HTTP/1.1`, HOST, "transfer-encoding: chunked");
    chunked.socket.write("2\r\nxy\r\n1\r\nz\r\n0\r\n\r\n");
    await chunked.received(/^HTTP\/1\.1 200 /);
    expect(await (await fetch(cache.url + OBJECT)).text()).toBe("xyz");
  });

  it.each([
    ["content-length: 1000", "abc"],
    ["transfer-encoding: chunked", "3\r\nabc\r\n"],
  ])("leaves nothing behind when the client disconnects: %s", async (header, body) => {
    const cache = await httpCache();
    const connection = raw(cache, `PUT ${OBJECT} HTTP/1.1`, HOST, header);
    connection.socket.write(body);
    await expect.poll(() => cache.context.transfers.running).toBe(1);
    connection.socket.destroy();
    await expect.poll(() => cache.context.transfers.running).toBe(0);
    expect(await statusOf(cache)).toBe(404);
  });

  it("ends with DEADLINE_EXCEEDED when nothing comes for the longest idle time", async () => {
    const cache = await httpCache({ idleCallMs: 50 });
    const connection = raw(cache, `PUT ${OBJECT} HTTP/1.1`, HOST, "content-length: 1000");
    connection.socket.write("abc");
    const text = await connection.closed();
    expect(text).toMatch(/^HTTP\/1\.1 504 /);
    expect(text).toContain('"code":"DEADLINE_EXCEEDED"');
    expect(await statusOf(cache)).toBe(404);
  });

  it("is asked for with 100 Continue only if it would be stored", async () => {
    const cache = await httpCache();
    const expecting = ["expect: 100-continue", "content-length: 3"];
    const connection = raw(cache, `PUT ${OBJECT} HTTP/1.1`, HOST, ...expecting);
    await connection.received(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    connection.socket.write("abc");
    await connection.received(/\r\n\r\nHTTP\/1\.1 201 /);
    const refused = raw(cache, `PUT ${OBJECT} HTTP/1.1`, HOST, "if-none-match: *", ...expecting);
    const text = await refused.closed();
    expect(text).toMatch(/^HTTP\/1\.1 412 /);
    expect(text).toContain("connection: close");
  });

  it("is answered and its connection closed when it is refused before it is read", async () => {
    const cache = await httpCache();
    const connection = raw(
      cache,
      `PUT ${OBJECT} HTTP/1.1`,
      HOST,
      "content-type: image/png",
      "content-length: 10",
    );
    connection.socket.write("0123456789");
    await connection.received(/^HTTP\/1\.1 415 /);
    const long = raw(
      cache,
      `PUT ${OBJECT} HTTP/1.1`,
      HOST,
      "content-type: image/png",
      "content-length: 99999999",
    );
    long.socket.write("0123456789");
    expect(await long.closed()).toMatch(/^HTTP\/1\.1 415 [\s\S]*connection: close/i);
  });

  it("of very many tiny chunks is stored", async () => {
    const cache = await httpCache();
    const connection = raw(cache, `PUT ${OBJECT} HTTP/1.1`, HOST, "transfer-encoding: chunked");
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
    const list = await raw(cache, "GET /v1/objects HTTP/1.0").closed();
    expect(list).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n\{"objects":\[\{.*\}\],"next":null\}\n$/);
    expect(list.toLowerCase()).not.toContain("transfer-encoding");
    const object = await raw(cache, `GET ${OBJECT} HTTP/1.0`).closed();
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
    const connection = raw(cache, ...lines);
    connection.socket.write("abcGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    const text = await connection.closed();
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(text).not.toContain("200");
    expect(await statusOf(cache)).toBe(404);
  });

  it("with headers over the limit is answered 431 and closed", async () => {
    const cache = await httpCache();
    const long = `/v1/objects/a/s/${"x".repeat(LIMITS.httpHeaderBytesMax)}`;
    expect(await raw(cache, `GET ${long} HTTP/1.1`, HOST).closed()).toMatch(/^HTTP\/1\.1 431 /);
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
      const text = await raw(cache, `HEAD ${path} HTTP/1.1`, HOST, "connection: close").closed();
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

describe("a web page of another origin", () => {
  const page = { origin: "https://page.example" };

  it("gets no leave to read without configuration, and may not write", async () => {
    const cache = await httpCache();
    const read = await fetch(cache.url + OBJECT, { headers: page });
    expect(read.headers.get("access-control-allow-origin")).toBeNull();
    const asked = { ...page, "access-control-request-method": "PUT" };
    expect((await fetch(cache.url + OBJECT, { method: "OPTIONS", headers: asked })).status).toBe(405);
    const write = await fetch(`${cache.url}/v1/objects/a/s`, { method: "POST", headers: page, body: "x" });
    expect(write.status).toBe(403);
    const own = { origin: cache.url };
    expect(
      (await fetch(`${cache.url}/v1/objects/a/s`, { method: "POST", headers: own, body: "x" })).status,
    ).toBe(201);
    const withToken = { ...page, authorization: "Bearer x" };
    const allowed = await fetch(`${cache.url}/v1/objects/a/s`, {
      method: "POST",
      headers: withToken,
      body: "x",
    });
    expect(allowed.status).toBe(201);
  });

  it("may read and write if its origin is configured", async () => {
    const cache = await httpCache({ corsOrigins: ["https://page.example"] });
    const asked = { ...page, "access-control-request-method": "PUT" };
    const preflight = await fetch(cache.url + OBJECT, { method: "OPTIONS", headers: asked });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("https://page.example");
    expect(preflight.headers.get("access-control-allow-methods")).toBe("GET, HEAD, PUT, PATCH, DELETE");
    expect(preflight.headers.get("access-control-allow-headers")).toContain("if-match");
    const put = await fetch(cache.url + OBJECT, { method: "PUT", headers: page, body: "x" });
    expect(put.status).toBe(201);
    const get = await fetch(cache.url + OBJECT, { headers: page });
    expect(get.headers.get("access-control-allow-origin")).toBe("https://page.example");
    expect(get.headers.get("access-control-expose-headers")).toContain("etag");
    expect(get.headers.get("vary")).toContain("origin");
    const other = await fetch(cache.url + OBJECT, { headers: { origin: "https://other.example" } });
    expect(other.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("may do all of this from everywhere with *", async () => {
    const cache = await httpCache({ corsOrigins: ["*"] });
    const answer = await fetch(`${cache.url}/v1/objects/a/s`, { method: "POST", headers: page, body: "x" });
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([201, "*"]);
  });
});

/** Callers by bearer token; without one they are refused. */
function accessOf(rules: Readonly<Record<string, readonly AccessRule[]>>): AccessControl {
  const identities = new Map(
    Object.entries(rules).map(([name, of]) => [
      `Bearer ${name}`,
      { name, policy: new AccessPolicy(of, name) },
    ]),
  );
  return {
    isOn: true,
    identify({ authorization }) {
      const identity = identities.get(authorization ?? "");
      if (identity === undefined) throw new CacheError("UNAUTHENTICATED");
      return identity;
    },
  };
}

describe("a caller", () => {
  const access = accessOf({
    reader: [{ effect: "allow", verbs: ["get", "list"], patterns: ["a/*"] }],
    writer: [{ effect: "allow", verbs: ["put", "patch", "delete"], patterns: ["a/s/*"] }],
  });
  const call = async (cache: HttpCache, method: string, path: string, name?: string) => {
    const body = ["PUT", "POST", "PATCH"].includes(method) ? { body: "x" } : {};
    const headers = name === undefined ? {} : { authorization: `Bearer ${name}` };
    const answer = await fetch(cache.url + path, { method, headers, ...body });
    await answer.arrayBuffer();
    return answer;
  };

  it("without credentials is refused everywhere but at public paths", async () => {
    const cache = await httpCache({ access });
    for (const method of ["GET", "HEAD", "PUT", "PATCH", "DELETE"]) {
      const answer = await call(cache, method, OBJECT);
      expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    }
    expect((await call(cache, "GET", "/v1/objects")).status).toBe(401);
    expect((await call(cache, "GET", "/openapi.json")).status).toBe(200);
  });

  it.each([
    ["reader", "PUT", OBJECT, 403],
    ["reader", "POST", "/v1/objects/a/s", 403],
    ["reader", "PATCH", OBJECT, 403],
    ["reader", "DELETE", OBJECT, 403],
    ["reader", "DELETE", "/v1/objects/a/s", 403],
    ["reader", "GET", OBJECT, 200],
    ["reader", "GET", "/v1/objects/b/s/o", 403],
    ["reader", "GET", "/v1/objects/b/s/none", 403],
    ["reader", "GET", "/v1/objects?prefix=b/", 403],
    ["writer", "GET", OBJECT, 403],
    ["writer", "HEAD", OBJECT, 403],
    ["writer", "GET", "/v1/objects", 403],
    ["writer", "PUT", OBJECT, 200],
    ["writer", "PUT", "/v1/objects/a/other/o", 403],
    ["writer", "PATCH", OBJECT, 200],
    ["writer", "DELETE", OBJECT, 204],
  ])("%s that sends %s %s gets %i", async (name, method, path, status) => {
    const cache = await httpCache({ access });
    await call(cache, "PUT", OBJECT, "writer");
    expect((await call(cache, method, path, name)).status).toBe(status);
  });

  it("lists only what it may list", async () => {
    const cache = await httpCache({
      access: accessOf({
        all: [{ effect: "allow", verbs: ["put", "list"], patterns: ["*"] }],
        some: [{ effect: "allow", verbs: ["list"], patterns: ["b/s/*", "a/s/2"] }],
      }),
    });
    for (const key of ["a/s/1", "a/s/2", "a/s/3", "b/s/1"])
      await call(cache, "PUT", `/v1/objects/${key}`, "all");
    const headers = { authorization: "Bearer some" };
    const list = await (await fetch(`${cache.url}/v1/objects?limit=2`, { headers })).json();
    expect(list).toEqual({
      objects: [expect.objectContaining({ key: "a/s/2" }), expect.objectContaining({ key: "b/s/1" })],
      next: null,
    });
  });
});

describe("a client that stops reading", () => {
  it("holds about a mebibyte, and what it reads is closed when it leaves", async () => {
    const cache = await httpCache();
    const body = Buffer.alloc(24 * 2 ** 20, 7);
    await fetch(cache.url + OBJECT, { method: "PUT", body: body as never });
    const { open } = cache.cache;
    let readBytes = 0;
    cache.cache.open = async (...args: Parameters<typeof open>) => {
      const opened = await open.apply(cache.cache, args);
      const { source } = opened.base!;
      const read = source.read.bind(source);
      source.read = (position, lengthBytes) => {
        readBytes += lengthBytes;
        return read(position, lengthBytes);
      };
      return opened;
    };
    const connection = raw(cache, `GET ${OBJECT} HTTP/1.1`, HOST);
    connection.socket.pause();
    await expect.poll(() => readBytes).toBeGreaterThan(0);
    const held = await settled(() => readBytes);
    // What the sockets of both sides buffer comes on top.
    expect(held).toBeLessThan(12 * 2 ** 20);
    const entry = await cache.cache.stat({ applicationId: "a", sessionId: "s", objectId: "o" });
    expect(entry.readers).toBe(1);
    connection.socket.destroy();
    await expect.poll(() => entry.readers).toBe(0);
    expect(cache.context.transfers.running).toBe(0);
  });

  it("is cut off after the longest idle time", async () => {
    const cache = await httpCache({ idleCallMs: 50 });
    await fetch(cache.url + OBJECT, { method: "PUT", body: Buffer.alloc(24 * 2 ** 20, 7) as never });
    const connection = raw(cache, `GET ${OBJECT} HTTP/1.1`, HOST);
    connection.socket.pause();
    await expect.poll(() => cache.context.transfers.running).toBe(1);
    await expect.poll(() => cache.context.transfers.running, { timeout: 20_000 }).toBe(0);
  });

  it("does not keep others from being served when all places are taken", async () => {
    const cache = await httpCache();
    await fetch(cache.url + OBJECT, { method: "PUT", body: Buffer.alloc(24 * 2 ** 20, 7) as never });
    await fetch(`${cache.url}/v1/objects/a/s/small`, { method: "PUT", body: "x" });
    const stalled = Array.from({ length: LIMITS.httpTransfersMax }, () =>
      raw(cache, `GET ${OBJECT} HTTP/1.1`, HOST),
    );
    for (const { socket } of stalled) socket.pause();
    await expect.poll(() => cache.context.transfers.running).toBe(LIMITS.httpTransfersMax);
    expect(await statusOf(cache, "/v1/objects/a/s/small")).toBe(200);
  });
});
