/**
 * Statistics of a server over a bucket: nobody counts its objects, and nothing says 0.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RunningCache, startServer } from "../../src/service/start-server.ts";
import { FlightTestClient } from "../support/flight-client.ts";
import { pathDescriptor, valuePut } from "../support/flight-messages.ts";
import { serverConfig } from "../support/in-process-server.ts";
import { type ServedBucket, servedBucket } from "../support/served-bucket.ts";
import { runCommand } from "../unit/command/verb-fixture.ts";

let bucket: ServedBucket;
let server: RunningCache;

beforeAll(async () => {
  bucket = await servedBucket();
  const admin = { scheme: "http", host: "127.0.0.1", port: 0 } as const;
  server = await startServer(serverConfig(undefined, { storage: bucket.storage, admin }));
  const client = new FlightTestClient(server.endpoint);
  await client.put(valuePut(pathDescriptor("app/s/o"), "value"));
  await client.close();
});
afterAll(async () => {
  await server.stop();
  await bucket.close();
});

const run = (...args: string[]) => runCommand(args, { env: { FLAME_CACHE_ENDPOINT: server.endpoint } });

it("are null in the snapshot", async () => {
  const { objects, space } = (await (await fetch(`${server.admin}/v1/admin/stats`)).json()) as {
    objects: unknown;
    space: unknown;
  };
  expect(objects).toMatchObject({ count: null, bytes: null });
  expect(space).toMatchObject({ used_bytes: null });
});

it("have no samples of objects in the metrics", async () => {
  const text = await (await fetch(`${server.admin}/metrics`)).text();
  expect(text).not.toMatch(/flame_cache_object(s|_bytes)\b/);
  expect(text).toMatch(/^flame_cache_store_requests_total\{/m);
});

it("are not counted in stats and top, and du asks the store", async () => {
  expect((await run("stats")).out).toMatch(/^objects +not counted$/m);
  expect((await run("top")).out).toMatch(/\nsessions and applications: not counted\n$/);
  expect((await run("du")).out).toMatch(/app\/s/);
});
