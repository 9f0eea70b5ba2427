/**
 * The memory of a server while very many puts are under way and none of them ends.
 *
 * The server is a process of its own, so that what it holds is not ours. Its peak is what Linux tells of it.
 */
import { readFileSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { FLIGHT_METHODS } from "../../src/flight/methods.ts";
import type { ClientCall } from "../../src/grpc/client-call.ts";
import { FlightTestClient } from "../support/flight-client.ts";
import { flightData, pathDescriptor, valuePut } from "../support/flight-messages.ts";
import { encodeOpaqueBatch } from "../support/opaque-batch.ts";
import { startServer, type TestServer } from "../support/start-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const MAX_MEMORY_MIB = 128;
/** What a server may take beside the memory it was given. */
const REST_MIB = 192;
const CONNECTIONS = 8;

function peakMib(server: TestServer): number {
  const status = readFileSync(`/proc/${server.pid}/status`, "latin1");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / KIB;
}

/** Begins this many puts and brings the same rows to each, a row to all of them before the next; ends none. */
async function beginPuts(
  clients: readonly FlightTestClient[],
  puts: number,
  rowBytes: readonly number[],
): Promise<void> {
  const calls: ClientCall[] = [];
  for (let i = 0; i < puts; i += 1) {
    const [schema] = valuePut(pathDescriptor(`a/s/unending-${i}`), "");
    const call = clients[i % clients.length]!.grpc.open(FLIGHT_METHODS.DoPut.path);
    calls.push(call);
    await call.write([schema!]);
  }
  for (const [i, sizeBytes] of rowBytes.entries()) {
    // What has app_metadata is answered when it was taken.
    const appMetadata = i === rowBytes.length - 1 ? "last" : "";
    const row = flightData({ ...encodeOpaqueBatch({ cells: [Buffer.alloc(sizeBytes, 7)] }), appMetadata });
    // Refused ones are over: the others go on.
    for (const call of calls) await call.write([row])?.catch(() => {});
  }
  await Promise.all(calls.map((call) => call.responses.next().catch(() => {})));
}

const SHAPES = [
  ["1,000 puts of 896 KiB", 1000, Array<number>(14).fill(64 * KIB)],
  ["4,000 puts of 16 KiB", 4000, Array<number>(2).fill(8 * KIB)],
] as const;

it.runIf(process.platform === "linux").each(SHAPES)(
  "a server stays under max_memory and 192 MiB while %s do not end, and answers others",
  { timeout: 120_000 },
  async (title, puts, rows) => {
    const storage = temporaryDirectory("staged");
    onTestFinished(() => storage.remove());
    const environment = { FLAME_CACHE_MAX_MEMORY: `${MAX_MEMORY_MIB}M` };
    await using server = await startServer({ storage: storage.path, environment });
    const clients = Array.from({ length: CONNECTIONS }, () => new FlightTestClient(server.endpoint));
    await beginPuts(clients, puts, rows);
    const honest = new FlightTestClient(server.endpoint);
    await honest.put(valuePut(pathDescriptor("a/s/honest"), Buffer.alloc(2 * MIB, 1)));
    expect((await honest.get("a/s/honest"))[1]?.body.length).toBeGreaterThan(2 * MIB);
    const peak = peakMib(server);
    console.info(`peak memory ${peak.toFixed(0)} MiB with ${title}`);
    await Promise.all([...clients, honest].map((client) => client.close()));
    expect(peak).toBeLessThan(MAX_MEMORY_MIB + REST_MIB);
  },
);
