/**
 * Servers over one bucket that are killed while clients call them: what may be repeated does not
 * fail, and plain Flight clients follow or ignore the locations.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { FlameCache, FlightClient } from "../../src/client/index.ts";
import { rendezvousOrder } from "../../src/flight/rendezvous.ts";
import { REUSE_CONNECTION } from "../../src/flight/replica-list.ts";
import { pythonEnvironment } from "../support/python-environment.ts";
import { missingS3Store, ownPrefix, type S3TestStore, startS3Store } from "../support/s3-store.ts";
import { startServer, type TestServer } from "../support/start-server.ts";

const ENV = { FLAME_HOME: "/nonexistent", HOME: "/nonexistent" };
const CREDENTIALS = {
  AWS_ACCESS_KEY_ID: process.env.TEST_S3_ACCESS_KEY ?? "test",
  AWS_SECRET_ACCESS_KEY: process.env.TEST_S3_SECRET_KEY ?? "testtest",
};
const BUCKET = process.env.TEST_S3_BUCKET ?? "tests";
const PYTHON_FOLDER = fileURLToPath(new URL("../../python", import.meta.url));
const KEYS = 24;
/** The promised bound of a get whose server is lost; a longer one fails. */
const GET_MS = 5_000;
const START_MS = 180_000;
const CASE_MS = 60_000;
/** All servers have found each other after two renewals. */
const WAIT = { timeout: 60_000, interval: 100 };

const missing = await missingS3Store();
const prefix = ownPrefix().replace(/\/$/, "");
let store: S3TestStore;
let servers: TestServer[] = [];

function startReplica(args: readonly string[] = []): Promise<TestServer> {
  const environment = { ...CREDENTIALS, FLAME_CACHE_S3_ENDPOINT: store.endpoint };
  return startServer({ storage: `s3://${BUCKET}/${prefix}`, environment, args });
}

async function connect({ endpoint }: TestServer): Promise<FlameCache> {
  const cache = await FlameCache.connect({ endpoint, env: ENV, cacheBytesMax: 0 });
  onTestFinished(() => cache.close());
  return cache;
}

async function locationsAt({ endpoint }: TestServer, key: string): Promise<readonly string[]> {
  await using client = new FlightClient({ endpoint });
  const info = await client.getFlightInfo({ kind: "path", path: [key] });
  return info.endpoints[0]!.locations;
}

async function registrations(): Promise<string[]> {
  const names: string[] = [];
  for await (const page of store.bucket().list(`${prefix}/r/`)) names.push(...page.map(({ key }) => key));
  return names;
}

interface Calls {
  readonly gets: number;
  readonly failures: readonly unknown[];
}

/** Gets until `isOver`; each brings the value, because the client keeps none. */
async function getAll(cache: FlameCache, isOver: () => boolean): Promise<Calls> {
  let gets = 0;
  const failures: unknown[] = [];
  const work = async (first: number): Promise<void> => {
    for (let number = first; !isOver(); number += 1) {
      const got = cache.get(`app/loss/${number % KEYS}`, { timeoutMs: GET_MS });
      await got.catch((error: unknown) => failures.push(error));
      gets += 1;
    }
  };
  await Promise.all([0, 1, 2, 3].map(work));
  return { gets, failures };
}

/** Runs a program of test/e2e/replica-loss with the Python of the tests. */
async function startPython(program: string, args: readonly string[]) {
  const environment = await pythonEnvironment();
  const python = "python" in environment ? environment.python : "";
  const path = fileURLToPath(new URL(`replica-loss/${program}`, import.meta.url));
  const child = spawn(python, [path, ...args], {
    env: { ...ENV, PYTHONPATH: PYTHON_FOLDER },
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, line: async () => (await lines.next()).value as string };
}

beforeAll(async () => {
  if (missing !== undefined) return;
  store = await startS3Store();
  servers = await Promise.all([startReplica(), startReplica(), startReplica(), startReplica()]);
  const cache = await FlameCache.connect({ endpoint: servers[0]!.endpoint, env: ENV });
  await Promise.all(Array.from({ length: KEYS }, (_, n) => cache.put(`app/loss/${n}`, `value ${n}`)));
  await cache.close();
  for (const server of servers)
    await vi.waitUntil(async () => (await locationsAt(server, "app/loss/1")).length === 5, WAIT);
}, START_MS);

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop("SIGKILL")));
  await store?.stop();
});

describe.skipIf(missing !== undefined)("servers over a bucket", () => {
  it("are the locations of each object, its owner first", async () => {
    const all = servers.map(({ endpoint }) => endpoint);
    for (const key of ["app/loss/1", "app/loss/2", "app/loss/3"]) {
      const order = [...rendezvousOrder(all, key), REUSE_CONNECTION];
      for (const server of servers) expect(await locationsAt(server, key)).toEqual(order);
    }
  });

  it(
    "lose no get of the TypeScript client when they are killed",
    async () => {
      const [lost, ...others] = servers as [TestServer, ...TestServer[]];
      const cache = await connect(lost);
      for (let number = 0; number < KEYS; number += 1) await cache.get(`app/loss/${number}`);
      let isOver = false;
      const calls = getAll(cache, () => isOver);
      await lost.stop("SIGKILL");
      expect(await cache.stat("app/loss/3")).toMatchObject({ key: "app/loss/3" });
      expect(await cache.put("app/loss-put/1", "typescript")).toMatchObject({ version: 1 });
      await others[0]!.stop("SIGKILL");
      for (let number = 0; number < KEYS; number += 1)
        expect(await cache.get(`app/loss/${number}`)).toBe(`value ${number}`);
      isOver = true;
      const { gets, failures } = await calls;
      expect(failures).toEqual([]);
      expect(gets).toBeGreaterThan(KEYS);
    },
    CASE_MS,
  );

  it(
    "are tried one after the other by pyarrow when one is lost",
    async () => {
      const { line } = await startPython("pyarrow_client.py", [servers[2]!.endpoint, "app/loss/1"]);
      const { found, listed, expires } = JSON.parse(await line()) as Locations;
      expect(listed).toEqual(Object.keys(found));
      expect(listed.at(-1)).toBe(REUSE_CONNECTION);
      const alive = [servers[2]!.endpoint, servers[3]!.endpoint, REUSE_CONNECTION];
      expect(Object.fromEntries(alive.map((uri) => [uri, found[uri]]))).toEqual(
        Object.fromEntries(alive.map((uri) => [uri, 1])),
      );
      expect(expires).toContain("2200");
    },
    CASE_MS,
  );

  it(
    "lose no get of the Python client when one is killed",
    async () => {
      const { child, line } = await startPython("python_client.py", [servers[2]!.endpoint, `${KEYS}`]);
      child.stdin.write("\n");
      expect(await line()).toBe("more");
      await servers[2]!.stop("SIGKILL");
      child.stdin.end("\n");
      expect(await line()).toBe("more");
      const result = JSON.parse(await line()) as { longest: number };
      expect(result).toMatchObject({ failures: [], put: 2, listed: KEYS });
      expect(result.longest * 1000).toBeLessThan(GET_MS);
    },
    CASE_MS,
  );

  it(
    "are not named after a stop, nor without an endpoint of their own",
    async () => {
      const hidden = await startReplica(["--replica-endpoint", "none", "--advertise", "grpc://service:9090"]);
      servers.push(hidden);
      const [, , , last] = servers;
      expect(await locationsAt(hidden, "app/loss/1")).toEqual(["grpc://service:9090"]);
      const before = await registrations();
      await last!.stop();
      const after = await registrations();
      expect(before.filter((name) => !after.includes(name))).toHaveLength(1);
    },
    CASE_MS,
  );
});

interface Locations {
  /** The version that each location sent; null: it is lost. */
  readonly found: Readonly<Record<string, number | null>>;
  readonly listed: readonly string[];
  readonly expires: string;
}
