/**
 * Quotas of the access file over gRPC and HTTP: what is refused, what is untouched, and a change
 * of the file.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { FLIGHT_METHODS } from "../../src/flight/methods.ts";
import { type RunningCache, startServer } from "../../src/service/start-server.ts";
import { accessText } from "../support/access-file.ts";
import { tokenOf } from "../support/access-table.ts";
import { FlightTestClient } from "../support/flight-client.ts";
import { flightData, pathDescriptor } from "../support/flight-messages.ts";
import { serverConfig } from "../support/in-process-server.ts";
import { CLIENT_OPAQUE_SCHEMA, encodeOpaqueBatch } from "../support/opaque-batch.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const directory = temporaryDirectory("quotas");
const file = join(directory.path, "access.yaml");
afterAll(() => directory.remove());

const everything = ["get", "put", "patch", "delete", "list"];
const authorization = `Bearer ${tokenOf("worker")}`;

let server: RunningCache;
let client: FlightTestClient;

function writeRules(quotas: string): void {
  writeFileSync(file, `${accessText([{ name: "worker", allow: everything }])}applications: ${quotas}\n`);
}

beforeEach(async () => {
  writeRules("[{name: small, quota: {objects: 2, bytes: 1M}}, {name: slow, quota: {puts_per_second: 0.01}}]");
  const admin = { scheme: "http", host: "127.0.0.1", port: 0 } as const;
  server = await startServer(serverConfig(undefined, { admin, access: { file, isRequired: true } }));
  client = new FlightTestClient(server.endpoint);
  return async () => {
    await client.close();
    await server.stop();
  };
});

async function put(key: string, sizeBytes = 100): Promise<void> {
  const call = client.grpc.open(FLIGHT_METHODS.DoPut.path, { metadata: { authorization } });
  const batch = encodeOpaqueBatch({ cells: [Buffer.alloc(sizeBytes)] });
  await call.write([flightData({ descriptor: pathDescriptor(key), header: CLIENT_OPAQUE_SCHEMA })]);
  await call.write([flightData(batch)]);
  call.endRequests();
  await (await call.responses.next())?.collect(1024);
  expect(await call.responses.next()).toBeNull();
}

const putOverHttp = (key: string): Promise<Response> =>
  fetch(`${server.admin}/v1/objects/${key}`, { method: "PUT", body: "value", headers: { authorization } });

describe("a quota", () => {
  it("refuses the next object of its application, and no other", async () => {
    await put("small/s/a");
    await put("small/s/b");
    await expect(put("small/s/c")).rejects.toMatchObject({
      status: "RESOURCE_EXHAUSTED",
      message: expect.stringContaining('[QUOTA_EXCEEDED] application "small" holds 2 of 2 objects'),
    });
    await put("other/s/a");
    await put("small/s/a");
  });

  it("refuses bytes before they are stored", async () => {
    await expect(put("small/s/a", 2 * 1024 ** 2)).rejects.toMatchObject({ status: "RESOURCE_EXHAUSTED" });
    const list = await fetch(`${server.admin}/v1/objects?prefix=small`, { headers: { authorization } });
    expect(await list.json()).toMatchObject({ objects: [] });
  });

  it("answers 429 over HTTP and says when to retry", async () => {
    expect((await putOverHttp("slow/s/a")).status).toBe(201);
    const refused = await putOverHttp("slow/s/b");
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toMatch(/^(99|100)$/);
    expect(await refused.json()).toMatchObject({
      code: "QUOTA_EXCEEDED",
      detail: expect.stringContaining('application "slow" has used its 0.01 puts per second; retry in'),
    });
  });

  it("changes with the file, for the objects that exist", async () => {
    await put("small/s/a");
    await put("small/s/b");
    writeRules("[{name: small, quota: {objects: 3}}]");
    server.reload();
    await put("small/s/c");
    await expect(put("small/s/d")).rejects.toThrow("holds 3 of 3 objects");
  });
});
