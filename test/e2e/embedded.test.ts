/**
 * The cache inside a host: in its process, in a thread of its own, and as the example shows it.
 *
 * Threads are started from the built package: Node 20 runs no TypeScript in them.
 */
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import * as sources from "../../src/index.ts";
import { builtDoor, type Package } from "../support/built-package.ts";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { FlightTestClient } from "../support/flight-client.ts";
import { opaqueRows, pathDescriptor, valuePut } from "../support/flight-messages.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const ANY_PORT = "grpc://127.0.0.1:0";
const EXAMPLE = fileURLToPath(new URL("../../examples/executor-manager.ts", import.meta.url));
const run = promisify(execFile);

let built: Package;
let door: string;
let home: string;

beforeAll(async () => {
  door = await builtDoor();
  built = await import(pathToFileURL(door).href);
});

beforeEach(() => {
  const directory = temporaryDirectory("host");
  onTestFinished(() => directory.remove());
  home = directory.path;
  for (const name of Object.keys(process.env)) {
    vi.stubEnv(name, name.startsWith("FLAME_") ? undefined : process.env[name]);
  }
  vi.stubEnv("FLAME_HOME", home);
  vi.stubEnv("RUST_LOG", "off");
  onTestFinished(() => void vi.unstubAllEnvs());
});

async function putAndGet(endpoint: string): Promise<unknown> {
  await using client = new FlightTestClient(endpoint);
  await client.put(valuePut(pathDescriptor("a/s/o"), "value"));
  return opaqueRows(await client.get("a/s/o"));
}

const STORED = [{ version: 1, data: "value" }];

describe.each([
  ["in the host's process", () => sources.startObjectCache],
  ["in a thread", () => built.startObjectCacheThread],
] as const)("a cache %s", (_, start) => {
  it("serves until it is stopped", async () => {
    const cache = await start()({ endpoint: ANY_PORT, storage: "none" });
    expect(await putAndGet(cache.endpoint)).toEqual(STORED);
    await cache.stop();
    await cache.stop();
    await expect(putAndGet(cache.endpoint)).rejects.toThrow();
  });

  it("keeps its objects where it is told to", async () => {
    const first = await start()({ endpoint: ANY_PORT, storage: `${home}/objects` });
    await putAndGet(first.endpoint);
    await first.stop();
    expect(existsSync(`${home}/objects/a/s/o.arrow`)).toBe(true);
    const second = await start()({ endpoint: ANY_PORT, storage: `${home}/objects` });
    await using client = new FlightTestClient(second.endpoint);
    expect(opaqueRows(await client.get("a/s/o"))).toEqual(STORED);
    await client.close();
    await second.stop();
  });

  it("reads the host's configuration file, and options go before it", async () => {
    const text = `cache:\n  endpoint: "grpc://127.0.0.1:1"\n  storage: "${home}/from-file"\n`;
    writeFileSync(`${home}/flame-cluster.yaml`, text);
    const cache = await start()({ endpoint: ANY_PORT });
    await putAndGet(cache.endpoint);
    await cache.stop();
    expect(existsSync(`${home}/from-file/a/s/o.arrow`)).toBe(true);
  });

  it("listens where its file says, whatever FLAME_CACHE_ENDPOINT says to clients", async () => {
    vi.stubEnv("FLAME_CACHE_ENDPOINT", "grpc://cache.example.org:9090");
    vi.stubEnv("FLAME_CACHE_STORAGE", `${home}/of-clients`);
    const text = `cache:\n  endpoint: "${ANY_PORT}"\n  storage: "${home}/from-file"\n`;
    writeFileSync(`${home}/flame-cluster.yaml`, text);
    const cache = await start()();
    await putAndGet(cache.endpoint);
    await cache.stop();
    expect(existsSync(`${home}/from-file/a/s/o.arrow`)).toBe(true);
  });

  it("that cannot start says what is wrong", async () => {
    const endpoint = "http://127.0.0.1:0";
    await expect(start()({ endpoint })).rejects.toMatchObject({
      code: "INVALID_CONFIG",
      message: expect.stringContaining("endpoint"),
    });
    writeFileSync(`${home}/file`, "in the way");
    await expect(start()({ endpoint: ANY_PORT, storage: `${home}/file` })).rejects.toMatchObject({
      code: "INVALID_CONFIG",
    });
  });
});

describe("a cache in a thread", () => {
  it("tells its end, which after a stop is no failure", async () => {
    const cache = await built.startObjectCacheThread({ endpoint: ANY_PORT });
    await cache.stop();
    expect(await cache.ended).toBeUndefined();
  });

  it("does not keep its host alive", async () => {
    const script = `
      import { startObjectCacheThread } from ${JSON.stringify(pathToFileURL(door).href)};
      const cache = await startObjectCacheThread({ endpoint: "${ANY_PORT}" });
      console.log(cache.endpoint);
    `;
    const env = cleanEnvironment({ FLAME_HOME: home });
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], {
      env,
      timeout: 30_000,
    });
    expect(stdout).toMatch(/^grpc:\/\/127\.0\.0\.1:\d+\n$/);
  });

  it("answers while its host is busy", async () => {
    const script = `
      import { startObjectCacheThread } from ${JSON.stringify(pathToFileURL(door).href)};
      import { execFileSync } from "node:child_process";
      const cache = await startObjectCacheThread({ endpoint: "${ANY_PORT}" });
      const [host, port] = new URL(cache.endpoint).host.split(":");
      const task = 'const http2 = require("node:http2").connect("http://" + process.argv[1]);'
        + 'http2.once("remoteSettings", () => { console.log("answered"); process.exit(0); });';
      console.log(String(execFileSync(process.execPath, ["-e", task, host + ":" + port])));
      await cache.stop();
    `;
    const env = cleanEnvironment({ FLAME_HOME: home });
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], {
      env,
      timeout: 30_000,
    });
    expect(stdout).toContain("answered");
  });
});

describe("the executor manager of the examples", () => {
  const TASK = `
    const { FLAME_CACHE_ENDPOINT, FLAME_TASK_INDEX } = process.env;
    const session = require("node:http2").connect(FLAME_CACHE_ENDPOINT.replace("grpc:", "http:"));
    session.once("remoteSettings", () => process.exit(Number(FLAME_TASK_INDEX)));
  `;

  async function manage(...args: string[]): Promise<{ code: number; stdout: string }> {
    const env = cleanEnvironment({ FLAME_HOME: home });
    const command = ["--import", "tsx", EXAMPLE, ...args];
    const work = run(process.execPath, command, { env, timeout: 60_000 });
    return await work.then(
      ({ stdout }) => ({ code: 0, stdout }),
      ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
    );
  }

  it("runs its tasks beside the cache they are told of, and ends with the worst of their codes", async () => {
    const config = `${home}/cluster.yaml`;
    writeFileSync(config, `cache:\n  endpoint: "${ANY_PORT}"\n`);
    const { code, stdout } = await manage(
      "--config",
      config,
      "--tasks",
      "3",
      "--",
      process.execPath,
      "-e",
      TASK,
    );
    expect(stdout).toMatch(/^cache at grpc:\/\/127\.0\.0\.1:\d+\ncache stopped\n$/);
    expect(code).toBe(2);
  });

  it("says how it is used when there is nothing to run", async () => {
    expect(await manage()).toEqual({ code: 64, stdout: "" });
  });
});
