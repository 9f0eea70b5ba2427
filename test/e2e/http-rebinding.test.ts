/**
 * Web pages that reach the loopback listener by a host name of their own (DNS rebinding).
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { FileAccess } from "../../src/access/file-access.ts";
import { accessText } from "../support/access-file.ts";
import { tokenOf } from "../support/access-table.ts";
import {
  type HttpCache,
  type HttpCacheOptions,
  httpCache,
  ownDirectory,
  RawConnection,
} from "../support/http-cache.ts";
import { OBJECT } from "../support/http-requests.ts";

async function statusOf(cache: HttpCache, host: string, ...headers: readonly string[]): Promise<string> {
  return await statusOfRequest(cache, `GET ${OBJECT} HTTP/1.1`, `host: ${host}`, ...headers);
}

async function statusOfRequest(cache: HttpCache, ...lines: readonly string[]): Promise<string> {
  const connection = new RawConnection(cache.port);
  connection.send(...lines, "connection: close");
  return (await connection.closed()).slice("HTTP/1.1 ".length, "HTTP/1.1 200".length);
}

async function cacheWithObject(options: HttpCacheOptions = {}): Promise<HttpCache> {
  const cache = await httpCache({ storage: "memory", ...options });
  await fetch(cache.url + OBJECT, { method: "PUT", body: "secret" });
  return cache;
}

describe("a page whose own name resolves to the loopback address", () => {
  const page = "page.example:9091";

  it("cannot read, list, write or delete on a server without rules", async () => {
    const cache = await cacheWithObject();
    const headers = [`host: ${page}`, `origin: http://${page}`, "content-length: 0"];
    const requests = [`GET ${OBJECT}`, "GET /v1/objects", `PUT ${OBJECT}`, `DELETE ${OBJECT}`];
    const statuses = requests.map((request) => statusOfRequest(cache, `${request} HTTP/1.1`, ...headers));
    expect(await Promise.all(statuses)).toEqual(["403", "403", "403", "403"]);
    expect(await statusOf(cache, "127.0.0.1")).toBe("200");
  });

  it("gains nothing from a token that the server does not check, or from an address inside its name", async () => {
    const cache = await cacheWithObject();
    expect(await statusOf(cache, page, "authorization: Bearer any")).toBe("403");
    for (const name of ["127.0.0.1.page.example", "localhost.page.example", "page.example.", "[::1].example"])
      expect(await statusOf(cache, name)).toBe("403");
  });

  it("is refused even if anonymous callers may read, and reads with a token of the rules", async () => {
    const file = join(ownDirectory(), "access.yaml");
    const anonymous = "anonymous: {rules: [{allow: [get], on: ['*']}]}\n";
    writeFileSync(file, accessText([{ name: "worker", allow: ["get"] }]) + anonymous);
    const access = new FileAccess(file);
    onTestFinished(() => access.close());
    const cache = await cacheWithObject({ access });
    expect(await statusOf(cache, "127.0.0.1")).toBe("404");
    expect(await statusOf(cache, page)).toBe("403");
    expect(await statusOf(cache, page, `authorization: Bearer ${tokenOf("worker")}`)).toBe("404");
  });

  it("may read if its origin is configured", async () => {
    const cache = await cacheWithObject({ corsOrigins: ["http://page.example:9091"] });
    expect(await statusOf(cache, page)).toBe("200");
    expect(await statusOf(cache, "other.example:9091")).toBe("403");
  });
});

describe("the loopback listener", () => {
  it.each([
    "localhost",
    "LOCALHOST:9091",
    "127.0.0.1:1",
    "[::1]:9091",
    "cache",
    "a.localhost",
    "host.docker.internal",
  ])("answers to %s", async (host) => {
    expect(await statusOf(await cacheWithObject(), host)).toBe("200");
  });

  it("answers HTTP/1.0 without a host, and its health by any name", async () => {
    const cache = await cacheWithObject();
    expect(await statusOfRequest(cache, `GET ${OBJECT} HTTP/1.0`)).toBe("200");
    expect(await statusOfRequest(cache, "GET /healthz HTTP/1.1", "host: page.example")).toBe("200");
  });
});
