/**
 * A server whose connections several threads serve: its threads, their ends, and what a Node does that cannot have them.
 *
 * That it answers as one without threads does is shown by the tests that vitest.config.ts runs a second time.
 */
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { encodeHealthRequest } from "../../src/flight/health.ts";
import { FLIGHT_METHODS, HEALTH_METHODS } from "../../src/flight/methods.ts";
import { GrpcClient } from "../../src/grpc/client.ts";
import type { ClientCall } from "../../src/grpc/client-call.ts";
import { canSharePort } from "../../src/relay/share-port.ts";
import { startServer as startHere } from "../../src/service/start-server.ts";
import { pathDescriptor, valuePut } from "../support/flight-messages.ts";
import { type InProcessServer, serverConfig, startInProcess } from "../support/in-process-server.ts";
import { startServer } from "../support/start-server.ts";

const THREADS = 4;
const CLIENTS = 24;

describe.skipIf(canSharePort())("on a Node that cannot share a port out", () => {
  it("the tests with four threads are left out; one thread serves, and the log says so", async () => {
    const server = await startServer({ storage: "none", environment: { FLAME_CACHE_THREADS: "4" } });
    const { log } = server;
    expect(await server.stop()).toBe(0);
    expect(log).toContain("one thread serves all connections");
    expect(log).toContain('"threads":1');
  });
});

describe.skipIf(!canSharePort())("a server with four threads", () => {
  let server: InProcessServer;
  let workers: Worker[];
  let clients: GrpcClient[];

  beforeEach(async () => {
    workers = [];
    const note = (worker: Worker): void => void workers.push(worker);
    process.on("worker", note);
    onTestFinished(() => void process.off("worker", note));
    server = await startInProcess(undefined, { threads: THREADS });
    const { hostname: host, port } = new URL(server.endpoint);
    clients = Array.from({ length: CLIENTS }, () => new GrpcClient({ host, port: Number(port) }));
  });

  afterEach(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await server.stop();
    expect(workers.map(({ threadId }) => threadId)).toEqual(workers.map(() => -1));
  });

  /** A call on each connection that stays open. */
  async function watchAll(): Promise<ClientCall[]> {
    const calls = clients.map((client) => client.open(HEALTH_METHODS.Watch.path));
    for (const call of calls) {
      await call.write([encodeHealthRequest("")]);
      call.endRequests();
      await (await call.responses.next())?.collect(100);
    }
    return calls;
  }

  const hasEnded = async (call: ClientCall): Promise<boolean> =>
    call.responses.next().then(
      () => false,
      () => true,
    );

  it("has as many, and they end with it", () => {
    expect(workers).toHaveLength(THREADS);
  });

  it("loses only the calls of a thread that dies, and starts another in its place", async () => {
    const calls = await watchAll();
    const ends: number[] = [];
    calls.forEach((call, i) => void hasEnded(call).then((isOver) => isOver && ends.push(i)));
    await workers[0]?.terminate();
    await vi.waitFor(() => expect(workers).toHaveLength(THREADS + 1), { timeout: 10_000 });
    await vi.waitFor(() => expect(ends.length).toBeGreaterThan(0));
    expect(ends.length).toBeLessThan(CLIENTS);
    const { hostname: host, port } = new URL(server.endpoint);
    for (let i = 0; i < CLIENTS; i++) {
      const client = new GrpcClient({ host, port: Number(port) });
      await client.unary(HEALTH_METHODS.Check.path, encodeHealthRequest(""));
      await client.close();
    }
  });

  it("keeps nothing of puts whose thread dies, and takes them again", async () => {
    const messages = valuePut(pathDescriptor("a/s/1"), "value");
    for (const client of clients) await client.open(FLIGHT_METHODS.DoPut.path).write([messages[0]!]);
    await Promise.all(workers.map((worker) => worker.terminate()));
    await vi.waitFor(() => expect(workers).toHaveLength(2 * THREADS), { timeout: 10_000 });
    await vi.waitFor(async () => expect((await server.client.put(messages)).version).toBe(1), {
      timeout: 10_000,
    });
  });

  it("does not refuse a connection's calls after some hundred of them", async () => {
    for (let i = 0; i < 600; i++) {
      await server.client.grpc.unary(HEALTH_METHODS.Check.path, encodeHealthRequest(""));
    }
  });

  it("is refused a port that another server listens on, with threads or without", async () => {
    const { hostname: host, port } = new URL(server.endpoint);
    const endpoint = { scheme: "grpc" as const, host, port: Number(port) };
    for (const threads of [1, 2]) {
      await expect(startHere(serverConfig(undefined, { endpoint, threads }))).rejects.toThrow(
        "INVALID_CONFIG",
      );
    }
  });
});

describe.skipIf(!canSharePort())("the command with threads", () => {
  it("says how many serve, and ends by itself when it is told to", async () => {
    const environment = { FLAME_CACHE_THREADS: "2" };
    const server = await startServer({ storage: "none", environment });
    const { hostname: host, port } = new URL(server.endpoint);
    const client = new GrpcClient({ host, port: Number(port) });
    const call = client.open(HEALTH_METHODS.Watch.path);
    await call.write([encodeHealthRequest("")]);
    call.endRequests();
    await (await call.responses.next())?.collect(100);
    expect(await server.stop()).toBe(0);
    expect(server.log).toContain('"threads":2');
    await client.close();
  });
});
