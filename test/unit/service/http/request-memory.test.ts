/**
 * Memory of the HTTP server after its requests have ended.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { httpCache } from "../../../support/http-cache.ts";

const KIB = 1024;
const WARM_UP = 400;
const REQUESTS = 2_000;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

it("a request leaves less than 2 KiB of heap behind", { timeout: 120_000 }, async () => {
  const server = await httpCache({ storage: "memory" });
  const object = `${server.url}/v1/objects/app/s/x`;
  await (await fetch(object, { method: "PUT", body: Buffer.alloc(100) })).arrayBuffer();
  const get = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) await (await fetch(object)).arrayBuffer();
  };
  const heapBytes = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  await get(WARM_UP);
  const before = heapBytes();
  await get(REQUESTS);
  expect((heapBytes() - before) / REQUESTS).toBeLessThan(2 * KIB);
});
