/**
 * The memory tier of a whole server: what it holds is bounded as the operating system counts, and what it answers is right.
 */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { FlightTestClient } from "../support/flight-client.ts";
import { pathDescriptor, type ReceivedMessage, valuePut } from "../support/flight-messages.ts";
import { startServer, type TestServer } from "../support/start-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const TIER_MIB = 64;
/** What a server may take beside the memory it was given. */
const REST_MIB = 192;
const CLIENTS = 16;

/** The most memory the process has had so far. */
function peakMib(server: TestServer): number {
  const status = readFileSync(`/proc/${server.pid}/status`, "latin1");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / KIB;
}

function digest(bytes: Uint8Array): string {
  return createHash("sha1").update(bytes).digest("hex");
}

/** The value in an opaque answer of one row. */
function digestOfAnswer([, row]: readonly ReceivedMessage[]): string {
  const { message, body } = row!;
  expect(message.kind).toBe("recordBatch");
  const { offset, sizeBytes } = (message as Extract<typeof message, { kind: "recordBatch" }>).batch
    .buffers()
    .at(-1)!;
  return digest(body.subarray(offset, offset + sizeBytes));
}

describe("a server with 64 MiB of memory for files", () => {
  it("answers a gigabyte of them, from 16 clients at once, and stays within it", {
    timeout: 240_000,
  }, async () => {
    const storage = temporaryDirectory("tier");
    onTestFinished(() => storage.remove());
    const environment = { FLAME_CACHE_MAX_MEMORY: `${TIER_MIB}M` };
    await using server = await startServer({ storage: storage.path, environment });
    const clients = Array.from({ length: CLIENTS }, () => new FlightTestClient(server.endpoint));
    const sizes = [
      ...Array<number>(24).fill(9 * MIB),
      ...Array<number>(2).fill(40 * MIB),
      ...Array<number>(64).fill(MIB),
      ...Array<number>(500).fill(9 * KIB),
    ];
    const digests: string[] = [];
    for (const [i, sizeBytes] of sizes.entries()) {
      const value = randomBytes(sizeBytes);
      digests.push(digest(value));
      await clients[i % CLIENTS]!.put(valuePut(pathDescriptor(`a/s/${i}`), value));
    }
    let gotBytes = 0;
    const work = clients.map(async (client, index) => {
      for (let step = 0; gotBytes < 1024 * MIB; step += 1) {
        const i = (index * 37 + step * 7) % sizes.length;
        expect(digestOfAnswer(await client.get(`a/s/${i}`))).toBe(digests[i]);
        gotBytes += sizes[i]!;
      }
    });
    await Promise.all(work);
    const peak = peakMib(server);
    console.info(`peak memory ${peak.toFixed(0)} MiB with ${TIER_MIB} MiB for files`);
    expect(peak).toBeLessThan(TIER_MIB + REST_MIB);
    for (const client of clients) await client.close();
  });

  it("has nothing of a tier with 0", async () => {
    const storage = temporaryDirectory("tier");
    onTestFinished(() => storage.remove());
    const environment = { FLAME_CACHE_MAX_MEMORY: "0" };
    await using server = await startServer({ storage: storage.path, environment });
    await using client = new FlightTestClient(server.endpoint);
    const value = randomBytes(3 * MIB);
    await client.put(valuePut(pathDescriptor("a/s/o"), value));
    for (let round = 0; round < 2; round += 1) {
      expect(digestOfAnswer(await client.get("a/s/o"))).toBe(digest(value));
    }
  });
});
