/**
 * FlightClient against pyarrow's own C++ Flight server, method by method.
 *
 * Without Python or its packages the tests are skipped and the reason is told; with CI=true that is a failure.
 * Bulk, and servers that die, are in test/slow/flight-client-bulk.test.ts.
 */
import { tableFromIPC, tableToIPC } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readFramedHeader } from "../../src/arrow/encapsulated.ts";
import { decodeSchema } from "../../src/arrow/schema.ts";
import { FlightClient } from "../../src/client/flight/flight-client.ts";
import { flightToIpc, ipcToFlight } from "../../src/client/flight/ipc-stream.ts";
import type { OutgoingFlightData } from "../../src/client/flight/outgoing-flight-data.ts";
import { pythonEnvironment } from "../support/python-environment.ts";
import { all, texts } from "../unit/client/flight/flight-peer.ts";
import { bulkDigest, bulkTable, digestOf, MIB, passedOn } from "./flight-bulk.ts";
import { type FlightServer, FREE_PORT, startPyarrowServer } from "./flight-servers.ts";
import { tellAbsence } from "./python-groups.ts";

const environment = await pythonEnvironment();
const python = "python" in environment ? environment.python : "";
const absence = "missing" in environment ? environment.missing : undefined;
tellAbsence(absence);

const path = (...parts: string[]) => ({ kind: "path", path: parts }) as const;
const namesOf = (schema: Uint8Array) =>
  decodeSchema(readFramedHeader(schema, 0).header).fields.map((field) => field.name);
const SAMPLE_COLUMNS = ["number", "text", "word", "list", "struct", "flag"];

test.skipIf(absence !== undefined && process.env.CI !== "true")("pyarrow is there to be tested with", () =>
  expect(absence).toBeUndefined(),
);

describe.skipIf(absence !== undefined)("against pyarrow's C++ server", () => {
  let server: FlightServer;
  let client: FlightClient;

  beforeAll(async () => {
    server = await startPyarrowServer(python, FREE_PORT);
    client = new FlightClient({ endpoint: server.endpoint });
  });

  afterAll(async () => {
    await client.close();
    await server.kill();
  });

  const isEqual = async (one: string, other: string) =>
    String(await all(client.doAction("equal", `${one} ${other}`)));

  test("getFlightInfo gives all that a FlightInfo has", async () => {
    const info = await client.getFlightInfo(path("sample"));
    expect(namesOf(info.schema)).toEqual(SAMPLE_COLUMNS);
    expect(info).toMatchObject({
      descriptor: path("sample"),
      totalRecords: 6,
      totalBytes: expect.any(Number),
      ordered: true,
      appMetadata: Buffer.from("info"),
      endpoints: [
        {
          ticket: Buffer.from("sample"),
          locations: ["grpc+tcp://127.0.0.1:1"],
          appMetadata: Buffer.from("endpoint"),
        },
      ],
    });
  });

  test("getSchema gives the encapsulated schema", async () => {
    expect(namesOf(await client.getSchema(path("sample")))).toEqual(SAMPLE_COLUMNS);
  });

  test("what was got is put again as it came, and is equal to the server: dictionaries, nulls, nesting, metadata", async () => {
    expect(await all(client.doPut(path("copies", "one"), passedOn(client.doGet("sample"))))).toEqual([]);
    expect(await isEqual("sample", "copies/one")).toBe("yes");
    await all(client.doPut(path("copies", "two"), passedOn(client.doGet("copies/one"))));
    expect(await isEqual("copies/two", "sample")).toBe("yes");
  });

  test("tables of apache-arrow are put and got as streams", async () => {
    const table = await tableFromIPC(flightToIpc(client.doGet("sample")));
    expect(table.schema.fields.map((field) => field.name)).toEqual(SAMPLE_COLUMNS);
    expect(table.getChild("word")?.toArray()).toEqual(["a", null, "long enough", "a", null, "long enough"]);
    await all(client.doPut(path("from", "arrow"), ipcToFlight(tableToIPC(table, "stream"))));
    const back = await tableFromIPC(flightToIpc(client.doGet("from/arrow")));
    expect(back.toArray().map(String)).toEqual(table.toArray().map(String));
  });

  test("listFlights gives those that fit the criteria", async () => {
    for (const name of ["a", "b"]) await all(client.doPut(path("list", name), bulkTable(1)));
    const infos = await all(client.listFlights("list/"));
    expect(infos.map((info) => info.descriptor)).toEqual([path("list", "a"), path("list", "b")]);
    expect(await all(client.listFlights("nothing of that name"))).toEqual([]);
  });

  test("doAction gives the results, and listActions says which there are", async () => {
    const body = Buffer.from([0, 255]);
    expect(await all(client.doAction("echo", body))).toEqual([body, body]);
    expect(await all(client.doAction("echo"))).toEqual([Buffer.alloc(0), Buffer.alloc(0)]);
    expect(await all(client.listActions())).toContainEqual({ type: "echo", description: "The body, twice." });
  });

  test("doPut gives the answer to each batch while it sends", async () => {
    const answers: string[] = [];
    async function* messages(): AsyncGenerator<OutgoingFlightData> {
      for (const message of bulkTable(20)) {
        // From the third batch on each waits for the answer to the one two before.
        await expect.poll(() => answers.length).toBeGreaterThanOrEqual(sent - 2);
        yield { ...message, appMetadata: Buffer.from(message.body === undefined ? "" : `${sent++}`) };
      }
    }
    let sent = 0;
    for await (const answer of client.doPut(path("answered"), messages())) answers.push(String(answer));
    expect(answers).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
  });

  test("doExchange sends and receives side by side", async () => {
    const [schema, batch] = [...bulkTable(1)] as [OutgoingFlightData, OutgoingFlightData];
    const messages = [
      { dataHeader: Buffer.alloc(0), appMetadata: Buffer.from("ahead") },
      schema,
      { ...batch, appMetadata: Buffer.from("with it") },
      batch,
    ];
    const command = { kind: "command", command: Buffer.from([0, 255]) } as const;
    const answers = await texts(client.doExchange(command, messages));
    expect(answers.map(({ appMetadata, body }) => [appMetadata, body.length > 0])).toEqual([
      ["command:00ff", false],
      ["ahead", false],
      ["", false],
      ["with it", true],
      ["", true],
    ]);
  });

  test("doExchange moves 256 MB there and back on its one connection", async () => {
    expect(await digestOf(client.doExchange(path("echo"), bulkTable(256)))).toBe(bulkDigest(256));
  });

  test.each([
    ["cancelled", "CANCELLED", 1],
    ["python", "UNKNOWN", 2],
    ["value", "INVALID_ARGUMENT", 3],
    ["timed_out", "DEADLINE_EXCEEDED", 4],
    ["key", "NOT_FOUND", 5],
    ["unauthorized", "PERMISSION_DENIED", 7],
    ["not_implemented", "UNIMPLEMENTED", 12],
    ["internal", "INTERNAL", 13],
    ["unavailable", "UNAVAILABLE", 14],
    ["unauthenticated", "UNAUTHENTICATED", 16],
  ])("an error of the server keeps its status and text: %s is %s", async (name, status, statusCode) => {
    await expect(all(client.doGet(`fail:${name}`))).rejects.toMatchObject({
      name: "GrpcError",
      status,
      statusCode,
      retryable: status === "UNAVAILABLE",
      message: expect.stringContaining(`told to fail: ${name}`),
    });
  });

  test("an error behind a batch comes behind the batch", async () => {
    const bodies: number[] = [];
    const getting = async () => {
      for await (const message of client.doGet("half")) bodies.push(message.bodySizeBytes);
    };
    await expect(getting()).rejects.toMatchObject({
      status: "UNAVAILABLE",
      message: expect.stringContaining("after a batch"),
    });
    expect(bodies).toEqual([0, MIB]);
  });

  test.each([
    [
      "an error",
      "refuse",
      { status: "PERMISSION_DENIED", message: expect.stringContaining("told to refuse") },
    ],
    ["OK", "ignore", { code: "CANCELLED", message: expect.stringContaining("before everything was sent") }],
  ])("a put that the server ends early with %s ends at once", async (_, name, error) => {
    let given = 0;
    const messages = bulkTable(100_000, () => given++);
    await expect(all(client.doPut(path(name), messages))).rejects.toMatchObject(error);
    expect(given).toBeLessThan(1000);
  });

  test("what the server does not offer is UNIMPLEMENTED", async () => {
    const unimplemented = { name: "GrpcError", status: "UNIMPLEMENTED" };
    await expect(client.pollFlightInfo(path("sample"))).rejects.toMatchObject(unimplemented);
    await expect(all(client.handshake([]))).rejects.toMatchObject(unimplemented);
  });

  test("a silence of many seconds is waited for, and the server does not mind being asked", async () => {
    expect(String(await all(client.doAction("sleep", "12")))).toBe("slept");
  });

  test("leaving a get early leaves the connection in order", async () => {
    for (let i = 0; i < 20; i++) {
      for await (const message of client.doGet(`big:${64 * MIB}`)) {
        expect(message.dataHeader.length).toBeGreaterThan(0);
        break;
      }
    }
    expect(await all(client.doAction("echo", "still here"))).toHaveLength(2);
  });

  test("a get that is left at its deadline or by its signal ends", async () => {
    const late = all(client.doGet("slow", { timeoutMs: 300 }));
    await expect(late).rejects.toMatchObject({ status: "DEADLINE_EXCEEDED" });
    const told = all(client.doGet("slow", { signal: AbortSignal.timeout(300) }));
    await expect(told).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe.skipIf(absence !== undefined)("who one is", () => {
  test("is said by payloads of a handshake", async () => {
    const server = await startPyarrowServer(python, FREE_PORT, "payload");
    const client = new FlightClient({ endpoint: server.endpoint });
    const shake = (secret: string) => all(client.handshake([Buffer.from("me"), Buffer.from(secret)]));
    await expect(shake("wrong")).rejects.toMatchObject({
      status: "UNAUTHENTICATED",
      message: expect.stringContaining("not the secret of me"),
    });
    const [token] = await shake("secret");
    const metadata = { "auth-token-bin": token ?? Buffer.alloc(0) };
    await expect(all(client.listActions())).rejects.toMatchObject({ status: "UNAUTHENTICATED" });
    expect(await all(client.listActions({ metadata }))).not.toEqual([]);
    await client.close();
    await server.kill();
  });

  test("is said by name and password, for a token", async () => {
    const server = await startPyarrowServer(python, FREE_PORT, "basic");
    const client = new FlightClient({ endpoint: server.endpoint });
    await expect(client.authenticateBasic("me", "wrong")).rejects.toMatchObject({
      status: "UNAUTHENTICATED",
    });
    const metadata = await client.authenticateBasic("me", "secret");
    expect(metadata).toEqual({ authorization: "Bearer token" });
    await expect(all(client.listActions())).rejects.toMatchObject({ status: "UNAUTHENTICATED" });
    expect(await all(client.listActions({ metadata }))).not.toEqual([]);
    await client.close();
    await server.kill();
  });
});
