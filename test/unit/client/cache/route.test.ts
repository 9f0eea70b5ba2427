/**
 * A FlameCache at one of several servers: what it learns from answers, and where its calls go when
 * a server does not answer. The servers are in this process and share one storage.
 */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { tableFromArrays, tableFromIPC, tableToIPC } from "apache-arrow";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { readAnswerHead } from "../../../../src/client/cache/read-answer.ts";
import { FlameCache, FlightClient, IpcTable, ipcToFlight } from "../../../../src/client/index.ts";
import { rendezvousOrder } from "../../../../src/flight/rendezvous.ts";
import { REPLICAS_HEADER, replicaList } from "../../../../src/flight/replica-list.ts";
import { SCHEMA_KEY_REPLICAS } from "../../../../src/object/object-schema.ts";
import { buildMethods } from "../../../../src/service/flight/flight-service.ts";
import { ServiceContext } from "../../../../src/service/service-context.ts";
import { MemoryStorage } from "../../../../src/storage/memory-storage.ts";
import { cacheOver } from "../../../support/cache-over.ts";
import { serve } from "../../../support/grpc-peers.ts";

const ENV = { HOME: "/nonexistent", FLAME_HOME: "/nonexistent" };
/** The promised bound of a get whose server is lost. */
const GET_MS = 5_000;

/** Servers that the others name. */
let alive: string[];
let storage: ReturnType<typeof cacheOver>;

beforeEach(async () => {
  alive = [];
  storage = cacheOver(new MemoryStorage({ bytesMax: 2 ** 24 }));
  await storage.start();
  onTestFinished(() => storage.stop());
});

interface CountingServer {
  readonly endpoint: string;
  readonly calls: number;
  close(): Promise<void>;
}

async function startServer(): Promise<CountingServer> {
  const stopping = new AbortController().signal;
  const found = { endpoint: "", calls: 0, close: async () => {} };
  const facts = { cache: storage, endpoint: "grpc://service.example:9090", stopping, replicas: () => alive };
  const methods = [...buildMethods(ServiceContext.open(facts))].map(
    ([path, handler]) =>
      [
        path,
        (call: Parameters<typeof handler>[0]) => {
          found.calls += 1;
          return handler(call);
        },
      ] as const,
  );
  const { server, port } = await serve(Object.fromEntries(methods), { callsMemoryBytes: 2 ** 26 });
  found.endpoint = `grpc://127.0.0.1:${port}`;
  found.close = () => server.close();
  return found;
}

/** A server that accepts connections and never answers. */
async function startSilent(): Promise<string> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.on("error", () => undefined)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `grpc://127.0.0.1:${(server.address() as { port: number }).port}`;
}

async function startRefusing(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return `grpc://127.0.0.1:${port}`;
}

async function connect(endpoint: string): Promise<FlameCache> {
  const cache = await FlameCache.connect({ endpoint, env: ENV, cacheBytesMax: 0, tables: "ipc" });
  onTestFinished(() => cache.close());
  return cache;
}

function ownedBy(server: string): string {
  const keys = Array.from({ length: 1000 }, (_, index) => `a/s/${index}`);
  return keys.find((key) => rendezvousOrder(alive, key)[0] === server)!;
}

/** The list in the answer to a get that has the list of this tag. */
async function listedFor(endpoint: string, key: string, tag: string): Promise<string | undefined> {
  await using client = new FlightClient({ endpoint });
  const answer = client.doGet(`${key}:0`, { metadata: { [REPLICAS_HEADER]: tag } });
  const { schema } = await readAnswerHead(answer[Symbol.asyncIterator]());
  return schema.metadata.find(([name]) => name === SCHEMA_KEY_REPLICAS)?.[1];
}

describe("a get at one of several servers", () => {
  it("brings the list of servers, unless the client has it or there is none", async () => {
    const { endpoint } = await startServer();
    const cache = await connect(endpoint);
    await cache.put("a/s/1", 1);
    expect(await listedFor(endpoint, "a/s/1", "")).toBeUndefined();
    alive = ["grpc://b:2", "grpc://a:1"];
    expect(await listedFor(endpoint, "a/s/1", "")).toBe("grpc://a:1 grpc://b:2");
    expect(await listedFor(endpoint, "a/s/1", replicaList(alive).tag)).toBeUndefined();
  });

  it("goes to the owner of the key, and a stat to the endpoint", async () => {
    const [first, second] = [await startServer(), await startServer()];
    const cache = await connect(first.endpoint);
    alive = [first.endpoint, second.endpoint];
    const key = ownedBy(second.endpoint);
    await cache.put(key, "value");
    expect([first.calls, second.calls]).toEqual([1, 0]);
    expect(await cache.get(key)).toBe("value");
    expect([first.calls, second.calls]).toEqual([1, 1]);
    await cache.stat(key);
    expect([first.calls, second.calls]).toEqual([2, 1]);
  });

  it("returns a table without the list in its metadata", async () => {
    const { endpoint } = await startServer();
    const cache = await connect(endpoint);
    alive = [endpoint];
    await cache.put("a/s/table", new IpcTable(tableToIPC(tableFromArrays({ n: [1, 2] }))));
    const table = await cache.get<IpcTable>("a/s/table");
    const { schema } = tableFromIPC(Buffer.concat(table.parts));
    expect([...schema.metadata.keys()]).not.toContain(SCHEMA_KEY_REPLICAS);
  });

  it.each([
    ["refuses connections", startRefusing],
    ["is silent", startSilent],
  ])("is answered within five seconds by another server if the owner %s", async (_, startLost) => {
    const [server, lost] = [await startServer(), await startLost()];
    const cache = await connect(server.endpoint);
    alive = [server.endpoint, lost];
    const key = ownedBy(lost);
    await cache.put(key, "value");
    await cache.get(key);
    expect(await cache.get(key, { timeoutMs: GET_MS })).toBe("value");
    await cache.put(key, Buffer.from("bytes"));
    const chunks: Uint8Array[] = [];
    for await (const chunk of cache.getStream(key)) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe("bytes");
  });

  it("fails with UNREACHABLE if no server answers", async () => {
    const server = await startServer();
    const cache = await connect(server.endpoint);
    alive = [await startRefusing(), await startRefusing()];
    await cache.put("a/s/1", 1);
    await server.close();
    await expect(cache.get("a/s/1")).rejects.toMatchObject({ code: "UNREACHABLE" });
  });
});

/** How many answers a put has that has the list of this tag. */
async function answersTo(endpoint: string, metadata: Readonly<Record<string, string>>): Promise<number> {
  await using client = new FlightClient({ endpoint });
  const messages = ipcToFlight(tableToIPC(tableFromArrays({ n: [1, 2] })));
  let answers = 0;
  for await (const _ of client.doPut({ kind: "path", path: ["a/s/1"] }, messages, { metadata })) answers += 1;
  return answers;
}

describe("a put at one of several servers", () => {
  it("brings the list of servers if the client asks for it and has another one", async () => {
    const { endpoint } = await startServer();
    expect(await answersTo(endpoint, { [REPLICAS_HEADER]: "" })).toBe(1);
    alive = [endpoint];
    expect(await answersTo(endpoint, {})).toBe(1);
    expect(await answersTo(endpoint, { [REPLICAS_HEADER]: "" })).toBe(2);
    expect(await answersTo(endpoint, { [REPLICAS_HEADER]: replicaList(alive).tag })).toBe(1);
  });

  it("goes to another one if the endpoint accepts no connections", async () => {
    const [endpoint, other] = [await startServer(), await startServer()];
    const cache = await connect(endpoint.endpoint);
    alive = [other.endpoint];
    await cache.put("a/s/1", 1);
    await endpoint.close();
    expect(await cache.put("a/s/1", 2)).toMatchObject({ version: 2 });
    expect(other.calls).toBe(1);
  });
});
