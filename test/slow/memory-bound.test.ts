/**
 * The memory of a server that keeps objects in memory, while sixteen clients put and get many times what it may hold.
 *
 * The server is a process of its own, so that what it holds is not ours. Its peak is what Linux tells of it.
 */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { FlameCache, isCacheError } from "../../src/client/index.ts";
import { Random } from "../support/random.ts";
import { startServer } from "../support/start-server.ts";

const MIB = 2 ** 20;
const MAX_MEMORY_BYTES = 96 * MIB;
/** What the process may take beside its objects. */
const BESIDE_BYTES = 192 * MIB;
const CLIENTS = 16;
const PUT_BYTES = 1000 * MIB;
/** How often which size is put, bytes. */
const SIZES = [1024, 1024, 1024, 65_536, 65_536, MIB, MIB, 4 * MIB, 8 * MIB];

function peakBytes(pid: number): number {
  const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) * 1024;
}

it.runIf(process.platform === "linux")(
  "stays under max_memory and 192 MiB through a mixed workload, and every answer is right",
  { timeout: 300_000 },
  async () => {
    const environment = { FLAME_CACHE_MAX_MEMORY: String(MAX_MEMORY_BYTES) };
    await using server = await startServer({ storage: "none", environment });
    let leftBytes = PUT_BYTES;
    let missed = 0;
    const work = async (seed: number): Promise<void> => {
      const random = new Random(seed);
      await using cache = await FlameCache.connect({ endpoint: server.endpoint, env: {}, cacheBytesMax: 0 });
      while (leftBytes > 0) {
        const sizeBytes = random.pick(SIZES);
        leftBytes -= sizeBytes;
        const letter = 1 + random.below(255);
        const key = `app/s/${random.below(60)}-${sizeBytes}-${letter}`;
        await cache.put(key, Buffer.alloc(sizeBytes, letter));
        const [, wantedBytes, wanted] = key.split(/[-]/).map(Number);
        const found = await cache.getBytes(key).catch((error: unknown) => {
          // Others may have pushed it out meanwhile.
          expect(isCacheError(error, "OBJECT_NOT_FOUND")).toBe(true);
          missed += 1;
        });
        expect(found === undefined || (found.length === wantedBytes && found.at(-1) === wanted)).toBe(true);
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, (_, seed) => work(seed)));
    const peak = peakBytes(server.pid);
    process.stdout.write(
      `peak ${Math.round(peak / MIB)} MiB with max_memory ${MAX_MEMORY_BYTES / MIB}, ${missed} missed\n`,
    );
    expect(peak).toBeLessThan(MAX_MEMORY_BYTES + BESIDE_BYTES);
    expect(peak).toBeGreaterThan(MAX_MEMORY_BYTES);
  },
);
