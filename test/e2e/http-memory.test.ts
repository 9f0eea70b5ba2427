/**
 * What large bodies over HTTP cost the built server: its memory while they go up and down, and calls over Flight beside many
 * idle connections.
 */
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { LIMITS } from "../../src/limits.ts";
import { campaign } from "../support/campaign.ts";
import { FlightTestClient } from "../support/flight-client.ts";
import { pathDescriptor, valuePut } from "../support/flight-messages.ts";
import { ownDirectory } from "../support/http-cache.ts";
import { startServer, type TestServer } from "../support/start-server.ts";

const MIB = 2 ** 20;
const BODY_MIB = campaign({ slice: 192, whole: 1024 });
const GROWTH_BYTES_MAX = 64 * MIB;
const CHUNK = Buffer.alloc(MIB, "0123456789abcdef");

async function started(): Promise<{ server: TestServer; url: string }> {
  // No object of the tests fits into the memory tier, which would be counted too.
  const environment = { FLAME_CACHE_MAX_MEMORY: "64M", FLAME_CACHE_ADMIN: "127.0.0.1:0", RUST_LOG: "info" };
  const server = await startServer({ storage: ownDirectory(), environment });
  onTestFinished(async () => void (await server.stop()));
  await expect.poll(() => server.log).toMatch(/admin[=:"' ]+http:\/\/127\.0\.0\.1:\d+/);
  return { server, url: /http:\/\/127\.0\.0\.1:\d+/.exec(server.log)![0] };
}

/** Sends mebibytes as fast as the server takes them. */
async function upload(url: string, mebibytes: number): Promise<number> {
  const call = request(url, { method: "PUT", headers: { "content-type": "application/octet-stream" } });
  const answered = once(call, "response");
  for (let sent = 0; sent < mebibytes; sent += 1) if (!call.write(CHUNK)) await once(call, "drain");
  call.end();
  const [response] = (await answered) as [import("node:http").IncomingMessage];
  response.resume();
  return response.statusCode!;
}

async function download(url: string): Promise<number> {
  const [response] = (await once(request(url).end(), "response")) as [import("node:http").IncomingMessage];
  let bytes = 0;
  for await (const chunk of response) bytes += (chunk as Buffer).length;
  return bytes;
}

function residentBytes(pid: number, field: "VmRSS" | "VmHWM"): number {
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(
    readFileSync(`/proc/${pid}/status`, "utf8"),
  )![1];
  return Number(kibibytes) * 1024;
}

describe.runIf(process.platform === "linux")("a large body over HTTP", () => {
  it("goes up and down with less than 64 MiB more resident memory", async () => {
    const { server, url } = await started();
    const object = `${url}/v1/objects/a/s/o`;
    expect(await upload(object, 8)).toBe(201);
    expect(await download(object)).toBe(8 * MIB);
    writeFileSync(`/proc/${server.pid}/clear_refs`, "5");
    const before = residentBytes(server.pid, "VmRSS");
    expect(await upload(object, BODY_MIB)).toBe(200);
    expect(await download(object)).toBe(BODY_MIB * MIB);
    const growth = residentBytes(server.pid, "VmHWM") - before;
    expect(growth).toBeLessThan(GROWTH_BYTES_MAX);
  });
});

describe("idle connections over HTTP", () => {
  it("as many as there may be do not disturb gets over Flight", async () => {
    const { server, url } = await started();
    const idle = Array.from({ length: LIMITS.httpConnectionsMax }, () =>
      connect(Number(new URL(url).port), "127.0.0.1"),
    );
    onTestFinished(() => {
      for (const socket of idle) socket.destroy();
    });
    await Promise.all(idle.map((socket) => once(socket, "connect")));
    await using client = new FlightTestClient(server.endpoint);
    await client.put(valuePut(pathDescriptor("a/s/o"), "value"));
    for (let round = 0; round < 50; round += 1) expect((await client.get("a/s/o")).length).toBeGreaterThan(0);
    // One more connection is refused; when the idle ones leave, others are served.
    for (const socket of idle) socket.destroy();
    await expect.poll(async () => (await fetch(`${url}/healthz`).catch(() => undefined))?.status).toBe(200);
  });
});
