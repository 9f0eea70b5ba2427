/**
 * The routes of the admin listener for the dashboard: the page, the usage, settings, events and pins.
 */

import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { OPEN_ACCESS } from "../../../../src/access/access-control.ts";
import { LIMITS } from "../../../../src/limits.ts";
import { pageRoutes } from "../../../../src/service/admin/page-routes.ts";
import { ServerStats } from "../../../../src/service/admin/server-stats.ts";
import { HttpServer } from "../../../../src/service/http/http-server.ts";
import { ServiceContext } from "../../../../src/service/service-context.ts";
import { type RunningCache, startServer } from "../../../../src/service/start-server.ts";
import { tokenOf } from "../../../support/access-table.ts";
import { serverConfig } from "../../../support/in-process-server.ts";
import { readEvents } from "../../../support/read-events.ts";
import { temporaryDirectory } from "../../../support/temporary-directory.ts";

const ADMIN = { scheme: "http", host: "127.0.0.1", port: 0 } as const;

/** What a server needs to have routes and no cache. */
async function servePage(directory: string): Promise<string> {
  const cache = { usage: undefined, counts: {}, space: async () => undefined } as never;
  const stats = new ServerStats({ cache, server: {} as never });
  const context = ServiceContext.open({
    cache,
    stats,
    quotas: {} as never,
    endpoint: "",
    stopping: new AbortController().signal,
  });
  const server = new HttpServer({
    routes: pageRoutes(directory),
    context,
    access: OPEN_ACCESS,
    tls: undefined,
  });
  const { port } = await server.listen("127.0.0.1", 0);
  onTestFinished(() => server.close());
  return `http://127.0.0.1:${port}`;
}

describe("the page", () => {
  const folder = temporaryDirectory("page");
  const HTML = "<!doctype html><title>page</title>";
  const SCRIPT = "export const answer = 42;\n".repeat(50);
  mkdirSync(join(folder.path, "assets"));
  writeFileSync(join(folder.path, "index.html"), HTML);
  writeFileSync(join(folder.path, "assets", "index-abc.js"), SCRIPT);
  writeFileSync(join(folder.path, "assets", "index-abc.js.br"), brotliCompressSync(SCRIPT));
  writeFileSync(join(folder.path, "secret.txt"), "not of the page");
  afterAll(() => folder.remove());

  it("may load and call only its own host, without inline code", async () => {
    const response = await fetch(await servePage(folder.path));
    expect(await response.text()).toBe(HTML);
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy.match(/(script|style|img|connect|worker)-src 'self'/g)).toHaveLength(5);
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(response.headers.get("cache-control")).toBe("no-cache");
  });

  it("is not sent again while it is the same", async () => {
    const base = await servePage(folder.path);
    const etag = (await fetch(base)).headers.get("etag") ?? "";
    const again = await fetch(base, { headers: { "if-none-match": etag } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
  });

  it("has files that browsers keep, compressed if the browser takes it", async () => {
    const base = await servePage(folder.path);
    const file = `${base}/assets/index-abc.js`;
    const small = await fetch(file, { headers: { "accept-encoding": "gzip, br" } });
    expect(small.headers.get("content-encoding")).toBe("br");
    expect(small.headers.get("cache-control")).toContain("immutable");
    expect(await small.text()).toBe(SCRIPT);
    const plain = await fetch(file, { headers: { "accept-encoding": "br;q=0, identity" } });
    expect(plain.headers.get("content-encoding")).toBeNull();
    expect(plain.headers.get("content-length")).toBe(String(SCRIPT.length));
  });

  it("answers HEAD without a body", async () => {
    const response = await fetch(await servePage(folder.path), { method: "HEAD" });
    expect(response.headers.get("content-length")).toBe(String(HTML.length));
    expect(await response.text()).toBe("");
  });

  it.each([
    "..%2findex.html",
    "%2e%2e%2findex.html",
    "..%5cindex.html",
    "secret.txt",
    "index-abc.js.br",
    "%00",
  ])("has no file %s: nothing outside of its folder is read", async (name) => {
    const response = await fetch(`${await servePage(folder.path)}/assets/${name}`);
    expect(response.status).toBe(404);
  });

  it("that was not built is a sentence that says so", async () => {
    const response = await fetch(await servePage(join(folder.path, "nowhere")));
    expect(response.status).toBe(404);
    expect(await response.text()).toContain("npm run build");
  });
});

const sha256 = (name: string) => createHash("sha256").update(tokenOf(name)).digest("hex");
const ACCESS = `identities:
  - name: admin
    rules: [{allow: [get, put, patch, delete, list, admin], on: ["*"]}]
    tokens: [{id: t1, sha256: "${sha256("admin")}"}]
  - name: reader
    rules: [{allow: [list, get], on: ["seen/*"]}]
    tokens: [{id: t2, sha256: "${sha256("reader")}"}]
  - name: writer
    rules: [{allow: [put], on: ["*"]}]
    tokens: [{id: t3, sha256: "${sha256("writer")}"}]
`;

describe("an admin listener with access rules", () => {
  const directory = temporaryDirectory("dashboard");
  const file = join(directory.path, "access.yaml");
  let server: RunningCache;

  const call = (caller: string, path: string, options: RequestInit = {}) =>
    fetch(server.admin + path, {
      ...options,
      headers: { ...options.headers, authorization: `Bearer ${tokenOf(caller)}` },
    });
  const json = async (caller: string, path: string, options?: RequestInit) => {
    const response = await call(caller, path, options);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const put = (key: string, value: string) =>
    call("admin", `/v1/objects/${key}`, { method: "PUT", body: Buffer.from(value) });

  beforeAll(async () => {
    writeFileSync(file, ACCESS);
    const access = { file, isRequired: true };
    server = await startServer(serverConfig(undefined, { admin: ADMIN, access }), {
      storage: "--storage",
    } as never);
    for (const key of ["seen/a/1", "seen/a/2", "seen/b/1", "hidden/a/1"]) await put(key, "x".repeat(100));
  });
  afterAll(async () => {
    await server.stop();
    directory.remove();
  });

  it("counts the objects that the caller may list, and no others", async () => {
    const { body: all } = await json("admin", "/v1/admin/usage");
    expect(all).toMatchObject({ objects: 4 });
    const { body } = await json("reader", "/v1/admin/usage");
    expect(body).toMatchObject({
      objects: 3,
      applications: [
        {
          application: "seen",
          objects: 3,
          sessions: [
            { session: "a", objects: 2 },
            { session: "b", objects: 1 },
          ],
          other_sessions: { sessions: 0, objects: 0 },
        },
      ],
    });
  });

  it("denies the usage to a caller who may list nothing", async () => {
    expect(await json("writer", "/v1/admin/usage")).toMatchObject({
      status: 403,
      body: { code: "PERMISSION_DENIED" },
    });
  });

  it("shows settings with their sources to admins only", async () => {
    const { body } = await json("admin", "/v1/admin/config");
    const settings = body.settings as { key: string; value: unknown; source: unknown }[];
    expect(settings).toContainEqual({ key: "cache.storage", value: "none", source: "--storage" });
    expect(settings).toContainEqual({ key: "cache.capacity", value: null, source: null });
    expect((await json("reader", "/v1/admin/config")).status).toBe(403);
  });

  it("pins and unpins an object for a caller who may put it", async () => {
    const pins = "/v1/admin/pins/seen/a/1";
    expect(await json("writer", pins, { method: "POST" })).toEqual({
      status: 200,
      body: { key: "seen/a/1", pinned: true, until: null },
    });
    const listed = await json("admin", "/v1/objects?prefix=seen/a/1");
    expect(listed.body).toMatchObject({ objects: [{ key: "seen/a/1", pinned: true }] });
    expect(await json("writer", pins, { method: "DELETE" })).toMatchObject({ body: { pinned: false } });
    expect((await json("reader", pins, { method: "POST" })).status).toBe(403);
  });

  it("ends a pin after the time that the caller gives", async () => {
    const { body } = await json("writer", "/v1/admin/pins/seen/a/2?ttl_seconds=3600", { method: "POST" });
    expect(body.until).toMatch(/^\d{4}-.*Z$/);
  });

  it.each(["0", "-1", "soon", "", "1e99"])("refuses a pin for %j seconds", async (seconds) => {
    const path = `/v1/admin/pins/seen/a/2?ttl_seconds=${seconds}`;
    expect(await json("writer", path, { method: "POST" })).toMatchObject({
      status: 400,
      body: { code: "INVALID_REQUEST" },
    });
  });

  it("pins no object that is not there", async () => {
    expect((await json("writer", "/v1/admin/pins/seen/a/none", { method: "POST" })).status).toBe(404);
  });

  it("sends a snapshot at once and each second, with the calls since the last one", async () => {
    const ended = new AbortController();
    const response = await call("admin", "/v1/admin/events", { signal: ended.signal });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const events = readEvents(response);
    const first = JSON.parse((await events.next()).value!.data);
    expect(first).toMatchObject({ objects: { count: 4 }, recent: { calls: 0, p50_seconds: null } });
    await call("admin", "/v1/objects/seen/a/1");
    const second = JSON.parse((await events.next()).value!.data);
    expect(second.recent).toMatchObject({ calls: 1, p99_seconds: expect.any(Number) });
    ended.abort();
  });

  it("serves a number of watchers, refuses one more, and has room again when one leaves", async () => {
    const ended = new AbortController();
    const watch = () => call("admin", "/v1/admin/events", { signal: ended.signal });
    const watchers = await Promise.all(Array.from({ length: LIMITS.statsWatchersMax }, watch));
    expect(watchers.map(({ status }) => status)).toEqual(watchers.map(() => 200));
    expect((await json("admin", "/v1/admin/events")).body).toMatchObject({ code: "OVERLOADED" });
    ended.abort();
    const again = new AbortController();
    const status = async () => (await call("admin", "/v1/admin/events", { signal: again.signal })).status;
    await expect.poll(status).toBe(200);
    again.abort();
  });

  it("answers HEAD of a stream and ends", async () => {
    expect((await call("admin", "/v1/admin/events", { method: "HEAD" })).status).toBe(200);
  });
});
