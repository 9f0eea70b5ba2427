/**
 * FlightClient with 256 MB both ways at once, and with servers that die, stand still and come back: pyarrow's C++ server
 * and the built cache.
 *
 * What is asserted is that calls end, and with which error; that they end at all is the deadline of each test. Needs a build.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { FlightClient } from "../../src/client/flight/flight-client.ts";
import { bulkDigest, bulkTable, digestOf, MIB, passedOn } from "../interop/flight-bulk.ts";
import {
  type FlightServer,
  FREE_PORT,
  type StartFlightServer,
  startCacheServer,
  startPyarrowServer,
} from "../interop/flight-servers.ts";
import { pythonEnvironment } from "../support/python-environment.ts";
import { all } from "../unit/client/flight/flight-peer.ts";

const environment = await pythonEnvironment();
const python = "python" in environment ? environment.python : undefined;

const SERVERS: [string, StartFlightServer][] = [["the cache", startCacheServer]];
if (python !== undefined) {
  SERVERS.push(["pyarrow's C++ server", (endpoint) => startPyarrowServer(python, endpoint)]);
}

const BATCHES = 256;
const DIGEST = bulkDigest(BATCHES);
const KEPT = "app/session/kept";
const path = (name: string) => ({ kind: "path", path: ["app", "session", name] }) as const;
const GONE = { code: "UNREACHABLE", status: "UNAVAILABLE", retryable: true };
const CALL_MS = 60_000;

describe.each(SERVERS)("%s", (_, start) => {
  async function begin(): Promise<{ server: FlightServer; client: FlightClient }> {
    const server = await start(FREE_PORT);
    const client = new FlightClient({ endpoint: server.endpoint, timeoutMs: CALL_MS });
    onTestFinished(async () => {
      await client.close();
      await server.kill();
    });
    return { server, client };
  }

  test("takes and gives 256 MB at the same time, twice each, and every byte is right", async () => {
    const { client } = await begin();
    await all(client.doPut(path("kept"), bulkTable(BATCHES)));
    const put = (name: string) => all(client.doPut(path(name), bulkTable(BATCHES)));
    const get = (ticket: string) => digestOf(client.doGet(ticket));
    const [, , ...digests] = await Promise.all([put("one"), put("two"), get(KEPT), get(KEPT)]);
    digests.push(await get("app/session/one"), await get("app/session/two"));
    expect(digests).toEqual([DIGEST, DIGEST, DIGEST, DIGEST]);
  });

  test("passes 256 MB from a get to a put in little memory", async () => {
    const { client } = await begin();
    await all(client.doPut(path("kept"), bulkTable(BATCHES)));
    const before = process.memoryUsage().rss;
    let peak = 0;
    async function* watched() {
      for await (const message of passedOn(client.doGet(KEPT))) {
        peak = Math.max(peak, process.memoryUsage().rss);
        yield message;
      }
    }
    await all(client.doPut(path("copy"), watched()));
    expect(peak - before).toBeLessThan(192 * MIB);
    expect(await digestOf(client.doGet("app/session/copy"))).toBe(DIGEST);
  });

  test("killed in the middle of a get and a put of 256 MB ends both, and a retry after its restart succeeds", async () => {
    const { server, client } = await begin();
    await all(client.doPut(path("kept"), bulkTable(BATCHES)));
    let killing: Promise<void> | undefined;
    const kill = () => {
      killing ??= server.kill();
    };
    const killAt = (at: number) => (number: number) => void (number === at && kill());
    const getting = async () => {
      let number = 0;
      for await (const message of client.doGet(KEPT)) {
        await message.collect();
        killAt(BATCHES / 4)(number++);
      }
    };
    const results = await Promise.allSettled([
      getting(),
      all(client.doPut(path("half"), bulkTable(BATCHES * 1000, killAt(BATCHES / 4)))),
    ]);
    const gone = { status: "rejected", reason: expect.objectContaining({ code: "UNREACHABLE" }) };
    expect(results).toEqual([gone, gone]);
    await killing;
    await expect(client.getFlightInfo(path("kept"))).rejects.toMatchObject(GONE);

    const again = await start(server.endpoint);
    onTestFinished(() => again.kill());
    await expect(client.getFlightInfo(path("half"))).rejects.toMatchObject({ status: "NOT_FOUND" });
    await all(client.doPut(path("kept"), bulkTable(BATCHES)));
    expect(await digestOf(client.doGet(KEPT))).toBe(DIGEST);
  });

  test("that stands still, as one whose host vanished, ends calls under way and keeps no socket", async () => {
    const { server, client } = await begin();
    await all(client.doPut(path("kept"), bulkTable(64)));
    const stop = (number: number) => void (number === 16 && server.signal("SIGSTOP"));
    const getting = async () => {
      let number = 0;
      for await (const message of client.doGet(KEPT)) {
        await message.collect();
        stop(number++);
      }
    };
    const results = await Promise.allSettled([
      getting(),
      all(client.doPut(path("half"), bulkTable(1_000_000))),
      client.getFlightInfo(path("kept")).then(() => client.getFlightInfo(path("kept"))),
    ]);
    const reasons = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    expect(reasons.length).toBeGreaterThanOrEqual(2);
    for (const reason of reasons) expect(reason).toMatchObject(GONE);
    await client.close();
    await expect.poll(() => process.getActiveResourcesInfo().includes("TCPSocketWrap")).toBe(false);
    server.signal("SIGCONT");
  });
});

describe("a program", () => {
  const door = fileURLToPath(new URL("../../dist/client/index.js", import.meta.url));

  test("that forgets to close its client ends, whatever its calls came to", async () => {
    const server = await startCacheServer(FREE_PORT);
    onTestFinished(() => server.kill());
    const script = `
      import { FlightClient } from ${JSON.stringify(door)};
      const client = new FlightClient({ endpoint: ${JSON.stringify(server.endpoint)} });
      for await (const action of client.listActions()) break;
      for await (const info of client.listFlights());
      await client.getFlightInfo({ kind: "path", path: ["a/s/o"] }).catch((error) => console.log(error.code));
    `;
    const output = execFileSync(process.execPath, ["--input-type=module", "--eval", script], {
      encoding: "utf8",
      timeout: CALL_MS,
    });
    expect(output).toBe("OBJECT_NOT_FOUND\n");
  });
});
