/**
 * Starting and stopping: what cannot start leaves nothing behind, what stops gives everything back.
 */

import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { resetSync } from "@logtape/logtape";
import { describe, expect, it, onTestFinished } from "vitest";
import { FlightClient } from "../../../src/client/flight/flight-client.ts";
import { startLog } from "../../../src/log.ts";
import { decodeObjectRef } from "../../../src/object/object-ref.ts";
import { startServer } from "../../../src/service/start-server.ts";
import { tlsConfig } from "../../support/certificate.ts";
import { FlightTestClient } from "../../support/flight-client.ts";
import { pathDescriptor, valuePut } from "../../support/flight-messages.ts";
import { serverConfig } from "../../support/in-process-server.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const INVALID_CONFIG = expect.objectContaining({ code: "INVALID_CONFIG" });

function ownDirectory(): string {
  const directory = temporaryDirectory("start");
  onTestFinished(() => directory.remove());
  return directory.path;
}

/** A port that somebody listens on. */
async function takenPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as { port: number }).port;
}

describe("a server", () => {
  it("says where it can be reached, and is there", async () => {
    const server = await startServer(serverConfig());
    await using client = new FlightTestClient(server.endpoint);
    expect(server.endpoint).toMatch(/^grpc:\/\/127\.0\.0\.1:\d+$/);
    expect((await client.put(valuePut(pathDescriptor("a/s/o"), "x"))).endpoint).toBe(server.endpoint);
    await server.stop();
  });

  it("names the advertised endpoint in references and locations, and listens on its own", async () => {
    const advertise = { scheme: "grpcs", host: "cache.example.org", port: 443 } as const;
    const server = await startServer(serverConfig(undefined, { advertise }));
    onTestFinished(() => server.stop());
    expect(server.endpoint).toBe("grpc+tls://cache.example.org:443");
    expect(server.listening).toMatch(/^grpc:\/\/127\.0\.0\.1:\d+$/);
    await using client = new FlightTestClient(server.listening);
    expect((await client.put(valuePut(pathDescriptor("a/s/o"), "x"))).endpoint).toBe(server.endpoint);
    await using flight = new FlightClient({ endpoint: server.listening });
    const info = await flight.getFlightInfo({ kind: "path", path: ["a/s/o"] });
    expect(info.endpoints[0]?.locations).toEqual([server.endpoint]);
    expect(decodeObjectRef(info.appMetadata).endpoint).toBe(server.endpoint);
  });

  it("in memory says in the log that nothing survives a stop", async () => {
    const lines: string[] = [];
    startLog({ directives: [], format: "json", stream: { write: (line) => lines.push(line) } });
    onTestFinished(() => resetSync());
    await (await startServer(serverConfig())).stop();
    expect(lines.join("")).toContain("objects are kept in memory: nothing survives a stop");
    lines.length = 0;
    await (await startServer(serverConfig(ownDirectory()))).stop();
    expect(lines.join("")).not.toContain("memory");
  });

  it("may be stopped more than once, and is then gone", async () => {
    const server = await startServer(serverConfig());
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    await using client = new FlightTestClient(server.endpoint);
    await expect(client.list()).rejects.toThrow();
  });

  it("keeps its directory to itself while it runs, and gives it back when it stops", async () => {
    const directory = ownDirectory();
    const first = await startServer(serverConfig(directory));
    await expect(startServer(serverConfig(directory))).rejects.toThrow(INVALID_CONFIG);
    await first.stop();
    const second = await startServer(serverConfig(directory));
    await second.stop();
  });

  it("that cannot have its port is INVALID_CONFIG and gives its directory back", async () => {
    const directory = ownDirectory();
    const port = await takenPort();
    const endpoint = { scheme: "grpc", host: "127.0.0.1", port } as const;
    await expect(startServer(serverConfig(directory, { endpoint }))).rejects.toThrow(INVALID_CONFIG);
    const server = await startServer(serverConfig(directory));
    await server.stop();
  });

  it("whose certificate is none is INVALID_CONFIG and gives its directory back", async () => {
    const directory = ownDirectory();
    const certFile = `${ownDirectory()}/cert.pem`;
    writeFileSync(certFile, "not a certificate");
    const endpoint = { scheme: "grpcs", host: "127.0.0.1", port: 0 } as const;
    const tls = tlsConfig(certFile, certFile);
    await expect(startServer(serverConfig(directory, { endpoint, tls }))).rejects.toThrow(INVALID_CONFIG);
    const server = await startServer(serverConfig(directory));
    await server.stop();
  });

  it("in memory evicts by what it is told, and refuses what can never fit", async () => {
    const eviction = { policy: "lru", maxMemoryBytes: 100_000, maxObjects: 2 } as const;
    const server = await startServer(serverConfig(undefined, { eviction }));
    await using client = new FlightTestClient(server.endpoint);
    for (const key of ["a/s/1", "a/s/2", "a/s/3"]) await client.put(valuePut(pathDescriptor(key), key));
    expect(await client.keys()).toEqual(["a/s/2", "a/s/3"]);
    const tooLarge = client.put(valuePut(pathDescriptor("a/s/4"), Buffer.alloc(200_000)));
    await expect(tooLarge).rejects.toThrow(expect.objectContaining({ code: "STORAGE_FULL" }));
    expect(await client.keys()).toEqual(["a/s/2", "a/s/3"]);
    await server.stop();
  });
});
