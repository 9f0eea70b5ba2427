/**
 * Who calls the HTTP API: web pages of other origins, callers with and without rights, and clients that stop reading.
 */
import { describe, expect, it } from "vitest";
import type { AccessControl } from "../../src/access/access-control.ts";
import { AccessPolicy, type AccessRule } from "../../src/access/access-policy.ts";
import { CacheError } from "../../src/errors.ts";
import { LIMITS } from "../../src/limits.ts";
import { HOST, type HttpCache, httpCache, openRaw } from "../support/http-cache.ts";
import { OBJECT, statusOf } from "../support/http-requests.ts";
import { settled } from "../support/settled.ts";

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
    const connection = openRaw(cache, `GET ${OBJECT} HTTP/1.1`, HOST);
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
    const connection = openRaw(cache, `GET ${OBJECT} HTTP/1.1`, HOST);
    connection.socket.pause();
    await expect.poll(() => cache.context.transfers.running).toBe(1);
    await expect.poll(() => cache.context.transfers.running, { timeout: 20_000 }).toBe(0);
  });

  it("does not keep others from being served when all places are taken", async () => {
    const cache = await httpCache();
    await fetch(cache.url + OBJECT, { method: "PUT", body: Buffer.alloc(24 * 2 ** 20, 7) as never });
    await fetch(`${cache.url}/v1/objects/a/s/small`, { method: "PUT", body: "x" });
    const stalled = Array.from({ length: LIMITS.httpTransfersMax }, () =>
      openRaw(cache, `GET ${OBJECT} HTTP/1.1`, HOST),
    );
    for (const { socket } of stalled) socket.pause();
    await expect.poll(() => cache.context.transfers.running).toBe(LIMITS.httpTransfersMax);
    expect(await statusOf(cache, "/v1/objects/a/s/small")).toBe(200);
  });
});
