/**
 * Values that were put over HTTP, read by the clients over Flight, and the other way round.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FlameCache } from "../../src/client/cache/flame-cache.ts";
import { type RunningCache, startServer } from "../../src/service/start-server.ts";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { serverConfig } from "../support/in-process-server.ts";
import { pythonEnvironment } from "../support/python-environment.ts";

let server: RunningCache;

beforeAll(async () => {
  server = await startServer(
    serverConfig(undefined, { admin: { scheme: "http", host: "127.0.0.1", port: 0 } }),
  );
  for (const [id, type, body] of VALUES) {
    const headers = { "content-type": type };
    const answer = await fetch(`${server.admin}/v1/objects/a/s/${id}`, { method: "PUT", headers, body });
    expect(answer.status).toBe(201);
  }
});

afterAll(async () => await server.stop());

const VALUES = [
  ["bytes", "application/octet-stream", "raw"],
  ["json", "application/json", '{"x": [1, 2.5, null]}'],
  ["text", "text/plain", 'Gr\u00fc\u00dfe "du"'],
] as const;

const PROGRAM = `
import json, sys
from flame_object_cache import FlameCache
with FlameCache(sys.argv[1]) as cache:
    print(json.dumps([repr(cache.get("a/s/" + name)) for name in ("bytes", "json", "text")]))
`;

const environment = await pythonEnvironment();
const python = "python" in environment ? environment.python : "";

describe.skipIf(python === "")("a value put over HTTP", () => {
  it("is bytes, a dict or a str for the Python client", async () => {
    const env = cleanEnvironment({ PYTHONPATH: "python" });
    const { stdout } = await promisify(execFile)(python, ["-c", PROGRAM, server.endpoint], { env });
    expect(JSON.parse(stdout)).toEqual(["b'raw'", "{'x': [1, 2.5, None]}", "'Gr\u00fc\u00dfe \"du\"'"]);
  });
});

describe("a value put over HTTP", () => {
  it("is bytes, a JSON value or text for the TypeScript client", async () => {
    await using cache = await FlameCache.connect({ endpoint: server.endpoint });
    expect(Buffer.from((await cache.get("a/s/bytes")) as Uint8Array).toString()).toBe("raw");
    expect(await cache.get("a/s/json")).toEqual({ x: [1, 2.5, null] });
    expect(await cache.get("a/s/text")).toBe('Gr\u00fc\u00dfe "du"');
  });

  it("of the TypeScript client is its bytes or JSON over HTTP", async () => {
    await using cache = await FlameCache.connect({ endpoint: server.endpoint });
    await cache.put("a/s/ours", { y: "z" });
    const answer = await fetch(`${server.admin}/v1/objects/a/s/ours`);
    expect([answer.headers.get("content-type"), await answer.json()]).toEqual([
      "application/json",
      { y: "z" },
    ]);
  });
});
