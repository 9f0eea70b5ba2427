/**
 * Rules that change while calls run, and a server that starts with and without rules.
 *
 * A running get ends complete when its token is revoked; the next call with the token is refused.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { resetSync } from "@logtape/logtape";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { loadCacheConfig } from "../../src/config/load-cache-config.ts";
import { encodeAction, encodeTicket } from "../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../src/flight/methods.ts";
import { formatTicket } from "../../src/flight/ticket.ts";
import { startLog } from "../../src/log.ts";
import { startServer } from "../../src/service/start-server.ts";
import { accessText } from "../support/access-file.ts";
import { tokenOf } from "../support/access-table.ts";
import { campaign } from "../support/campaign.ts";
import { FlightTestClient } from "../support/flight-client.ts";
import { flightData, pathDescriptor } from "../support/flight-messages.ts";
import { serverConfig } from "../support/in-process-server.ts";
import { CLIENT_OPAQUE_SCHEMA, encodeOpaqueBatch } from "../support/opaque-batch.ts";
import { startServer as startCommandServer } from "../support/start-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const MIB = 1024 * 1024;
const ROW_BYTES = 64 * MIB;
const ROWS = campaign({ slice: 4, whole: 16 });

const directory = temporaryDirectory("access-reload");
afterEach(() => resetSync());
afterAll(() => directory.remove());

const metadataOf = (caller: string) => ({ metadata: { authorization: `Bearer ${tokenOf(caller)}` } });
const everything = { allow: ["get", "put", "patch", "delete", "list", "admin"] };

/** Puts rows of 64 MiB: 1 GiB in the whole campaign. */
async function putLarge(client: FlightTestClient, key: string): Promise<void> {
  // Before the call: a busy event loop cannot connect in time.
  const batch = flightData(encodeOpaqueBatch({ cells: [Buffer.alloc(ROW_BYTES, 1)] }));
  const call = client.grpc.open(FLIGHT_METHODS.DoPut.path, metadataOf("owner"));
  await call.write([flightData({ descriptor: pathDescriptor(key), header: CLIENT_OPAQUE_SCHEMA })]);
  for (let row = 0; row < ROWS; row++) await call.write([batch]);
  call.endRequests();
  const answer = await call.responses.next();
  await answer?.collect(MIB);
  expect(await call.responses.next()).toBeNull();
}

describe("a token that is revoked during a get of up to 1 GiB", () => {
  it("lets the get end complete, and is refused at the next call", async () => {
    const file = join(directory.path, "access.yaml");
    writeFileSync(
      file,
      accessText([
        { name: "owner", ...everything },
        { name: "reader", ...everything },
      ]),
    );
    const config = serverConfig(join(directory.path, "storage"), { access: { file, isRequired: true } });
    const server = await startServer({ ...config, eviction: { ...config.eviction, maxMemoryBytes: 0 } });
    const client = new FlightTestClient(server.endpoint);
    await putLarge(client, "app/session/large");

    const call = client.grpc.open(FLIGHT_METHODS.DoGet.path, metadataOf("reader"));
    await call.write([encodeTicket(formatTicket("app/session/large"))]);
    call.endRequests();
    const schema = await call.responses.next();
    await schema?.collect(MIB);
    writeFileSync(file, accessText([{ name: "owner", ...everything }]));
    const list = () =>
      client.exchange(FLIGHT_METHODS.ListFlights.path, [Buffer.alloc(0)], metadataOf("reader"));
    await vi.waitFor(() => expect(list()).rejects.toThrow("UNAUTHENTICATED"), {
      timeout: 30_000,
      interval: 200,
    });

    let receivedBytes = 0;
    for (let message = await call.responses.next(); message !== null; message = await call.responses.next()) {
      for (let chunks = await message.read(); chunks !== null; chunks = await message.read()) {
        for (const chunk of chunks) receivedBytes += chunk.length;
      }
    }
    expect(receivedBytes).toBeGreaterThan(ROWS * ROW_BYTES);
    await expect(client.getTicket(formatTicket("app/session/large"), metadataOf("reader"))).rejects.toThrow(
      "[UNAUTHENTICATED] missing or invalid credentials",
    );
    await client.close();
    await server.stop();
  });
});

describe("the built command", () => {
  it("reads the access file again on SIGHUP, and never logs a secret, also at trace", async () => {
    const file = join(directory.path, "hangup.yaml");
    writeFileSync(file, accessText([{ name: "owner", ...everything }]));
    const args = ["--access-file", file, "--admin", "127.0.0.1:0", "--log", "trace"];
    const server = await startCommandServer({ storage: "none", args });
    const client = new FlightTestClient(server.endpoint);
    const list = (caller: string) =>
      client.exchange(FLIGHT_METHODS.ListFlights.path, [Buffer.alloc(0)], metadataOf(caller));
    expect(await list("owner")).toEqual([]);
    await expect(list("late")).rejects.toThrow("UNAUTHENTICATED");
    writeFileSync(file, accessText([{ name: "late", ...everything }]));
    process.kill(server.pid, "SIGHUP");
    await vi.waitFor(() => expect(server.log).toContain("access rules read again"), { timeout: 20_000 });
    expect(await list("late")).toEqual([]);
    await expect(list("owner")).rejects.toThrow("UNAUTHENTICATED");
    await client.close();
    expect(await server.stop()).toBe(0);
    expect(server.log).toContain("credentials refused");
    for (const caller of ["owner", "late"]) expect(server.log).not.toContain(tokenOf(caller));
  });
});

const ADMIN_URL = /http:\/\/127\.0\.0\.1:\d+/;

describe("a call without an end", () => {
  it.each([
    { what: "the statistics over HTTP", path: "/v1/admin/events" },
    { what: "the log over HTTP", path: "/v1/admin/log?level=info" },
  ])("ends when the token of its caller is revoked: $what", async ({ path }) => {
    const file = join(directory.path, "endless.yaml");
    writeFileSync(
      file,
      accessText([
        { name: "owner", ...everything },
        { name: "late", ...everything },
      ]),
    );
    const args = ["--access-file", file, "--admin", "127.0.0.1:0", "--log", "info"];
    const server = await startCommandServer({ storage: "none", args });
    await expect.poll(() => server.log).toMatch(ADMIN_URL);
    const url = ADMIN_URL.exec(server.log)![0];
    const follow = (caller: string) =>
      fetch(url + path, { headers: { authorization: `Bearer ${tokenOf(caller)}` } });
    const [revoked, kept] = await Promise.all([follow("late"), follow("owner")]);
    writeFileSync(file, accessText([{ name: "owner", ...everything }]));
    process.kill(server.pid, "SIGHUP");
    expect((await follow("owner")).status).toBe(200);
    await revoked.text();
    const reader = kept.body!.getReader();
    await expect(Promise.race([reader.closed.then(() => "ended"), setImmediate("open")])).resolves.toBe(
      "open",
    );
    expect(await server.stop()).toBe(0);
  });

  it("over gRPC ends UNAUTHENTICATED when the token of its caller is revoked", async () => {
    const file = join(directory.path, "endless-grpc.yaml");
    writeFileSync(file, accessText([{ name: "owner", ...everything }]));
    const server = await startCommandServer({ storage: "none", args: ["--access-file", file] });
    const client = new FlightTestClient(server.endpoint);
    const following = client.exchange(
      FLIGHT_METHODS.DoAction.path,
      [encodeAction({ type: "LOG", body: Buffer.from("error") })],
      metadataOf("owner"),
    );
    const ended = expect(following).rejects.toThrow("UNAUTHENTICATED");
    writeFileSync(file, accessText([{ name: "late", ...everything }]));
    process.kill(server.pid, "SIGHUP");
    await ended;
    await client.close();
    expect(await server.stop()).toBe(0);
  });
});

describe("a server", () => {
  /** What a server with this configuration logs at its start. */
  async function logOf(more: Parameters<typeof serverConfig>[1]): Promise<string> {
    let log = "";
    const stream = {
      write: (line: string) => {
        log += line;
      },
    };
    startLog({ directives: [{ target: undefined, level: "info" }], format: "json", stream });
    const server = await startServer(serverConfig(undefined, more));
    await server.stop();
    return log;
  }

  const LOUD = "EVERYONE WHO REACHES THIS SERVER MAY READ, REPLACE AND DELETE EVERY OBJECT";
  const http = { scheme: "http", port: 0 } as const;

  it.each([
    ["endpoint", { endpoint: { scheme: "grpc", host: "0.0.0.0", port: 0 } }],
    ["admin", { admin: { ...http, host: "0.0.0.0" } }],
    ["http", { http: { ...http, host: "0.0.0.0" } }],
  ] as const)("without rules warns loudly if others can reach its %s", async (_, more) => {
    expect(await logOf(more)).toContain(LOUD);
  });

  it("without rules does not warn if only this host can reach it", async () => {
    expect(await logOf({ admin: { ...http, host: "127.0.0.1" } })).not.toContain(LOUD);
  });

  it("with rules does not warn, and says how many identities it knows", async () => {
    const file = join(directory.path, "rules.yaml");
    writeFileSync(file, accessText([{ name: "owner", ...everything }]));
    const log = await logOf({ access: { file, isRequired: false }, http: { ...http, host: "0.0.0.0" } });
    expect(log).not.toContain(LOUD);
    expect(log).toContain('"identities":1');
  });

  it("with a wrong access file does not start, and names the line", async () => {
    const file = join(directory.path, "wrong.yaml");
    writeFileSync(file, "identities:\n  - name: owner\n    rules: 5\n");
    const starting = startServer(serverConfig(undefined, { access: { file, isRequired: false } }));
    await expect(starting).rejects.toThrow(
      /identities\[0\]\.rules must be a list of rules \(.*wrong\.yaml:3\)/,
    );
  });

  it("that requires authentication is not configured without an access file", () => {
    const load = () =>
      loadCacheConfig({ flags: { requireAuth: "true" }, env: { FLAME_HOME: directory.path } });
    expect(load).toThrow(/cache\.access\.file must be set.*flame-object-cache token create/);
  });
});
