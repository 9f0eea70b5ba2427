/**
 * Verbs against a server, and objects, that want to steer the terminal of whoever looks at them: nothing of it reaches the
 * terminal, and JSON keeps its values.
 */
import { tableFromArrays, tableToIPC } from "apache-arrow";
import { describe, expect, it, onTestFinished } from "vitest";
import { splitIpc } from "../../../src/client/values/ipc-messages.ts";
import { CacheError } from "../../../src/errors.ts";
import { encodeFlightDataHead } from "../../../src/flight/flight-data-encoder.ts";
import { encodeFlightInfo, encodePutResult } from "../../../src/flight/messages.ts";
import type { CallHandler, ServerCall } from "../../../src/grpc/call.ts";
import { singleRequest } from "../../../src/grpc/single-request.ts";
import { encodeObjectRef } from "../../../src/object/object-ref.ts";
import { startInProcess } from "../../support/in-process-server.ts";
import { unary } from "../../support/unary.ts";
import { type FlightHandlers, flightPeer } from "../client/flight/flight-peer.ts";
import { runCommand } from "./verb-fixture.ts";

/** A title, a cleared screen in both sets of control characters, text from right to left, and ways to another line. */
const STEERING = "\u001b]0;title\u0007\u001b[2J\u009b2J\u202egnp\r\u2028\u007f\b";
const TEXT = `text${STEERING}\n`;
const KEY = "app/session/object";
/** What may reach a terminal: text and line feeds. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const HARMLESS = /^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]*$/;

const STREAM = tableToIPC(tableFromArrays({ [TEXT]: [TEXT, "plain"] }), "stream");
const { schemaHeader, batches } = splitIpc(STREAM);
const INFO = encodeFlightInfo({
  // The stream begins with the schema as it stands in an answer.
  schema: STREAM,
  descriptor: { kind: "path", path: [KEY] },
  endpoints: [{ ticket: Buffer.from(KEY), locations: [`grpc://${TEXT}`] }],
  totalRecords: 2,
  totalBytes: 100,
  appMetadata: encodeObjectRef({ endpoint: `grpc://${TEXT}`, key: TEXT, version: 1 }),
});

async function send(call: ServerCall, header: Uint8Array, body: Uint8Array): Promise<void> {
  const head = encodeFlightDataHead({
    dataHeader: Buffer.from(header),
    appMetadata: Buffer.alloc(0),
    bodySizeBytes: body.length,
  });
  await call.write([...head, body]);
}

async function takeAll(call: ServerCall): Promise<void> {
  for (let next = await call.requests.next(); next !== null; next = await call.requests.next())
    await next.collect(1_000_000);
}

const LYING: FlightHandlers = {
  GetFlightInfo: unary(async () => INFO),
  ListFlights: async (call) => {
    await singleRequest(call, 100);
    await call.write([INFO]);
  },
  DoGet: async (call) => {
    await singleRequest(call, 100);
    await send(call, schemaHeader, Buffer.alloc(0));
    for (const { header, body } of batches) await send(call, header, body);
  },
  DoPut: async (call) => {
    await takeAll(call);
    await call.write([encodePutResult(encodeObjectRef({ endpoint: TEXT, key: TEXT, version: 1 }))]);
  },
  DoAction: takeAll,
};

const failing: CallHandler = async (call) => {
  await takeAll(call);
  throw new CacheError("STORAGE_IO", TEXT);
};
const FAILING: FlightHandlers = Object.fromEntries(Object.keys(LYING).map((name) => [name, failing]));

async function runAgainst(handlers: FlightHandlers, args: readonly string[]) {
  const { client } = await flightPeer(handlers);
  const env = { FLAME_CACHE_ENDPOINT: client.endpoint };
  return await runCommand(args, { env, input: "some bytes", isTerminal: true });
}

const VERBS = [
  ["ls"],
  ["ls", "--keys"],
  ["stat", KEY],
  ["cat", KEY],
  ["put", "-", "-k", KEY],
  ["cp", KEY, "app/session/copy"],
  ["rm", KEY, "--yes"],
] as const;
const ALL = VERBS.flatMap((verb) => [[...verb], [...verb, "--json"]]).filter(
  (verb) => verb[1] !== "--keys" || !verb[2],
);

describe("a server that wants to steer the terminal", () => {
  it.each(ALL.map((args) => [args.join(" "), args] as const))(
    "cannot by its answers: %s",
    async (_, args) => {
      const { out, err, outcome } = await runAgainst(LYING, args);
      expect({ outcome, err }).toEqual({ outcome: "ok", err: "" });
      expect(out).toMatch(HARMLESS);
      expect(out).not.toBe("");
    },
  );

  it.each(ALL.map((args) => [args.join(" "), args] as const))("cannot by its errors: %s", async (_, args) => {
    const { out, err } = await runAgainst(FAILING, args);
    expect(out).toBe("");
    expect(err).toMatch(HARMLESS);
    expect(err).toContain("[STORAGE_IO] text\\u001b]0;title\\u0007");
  });

  it("is quoted in JSON as it is", async () => {
    const listed = JSON.parse((await runAgainst(LYING, ["ls", "--json"])).out);
    expect(listed).toMatchObject({ key: TEXT, endpoint: `grpc://${TEXT}` });
    const row = JSON.parse((await runAgainst(LYING, ["cat", KEY, "--json"])).out.split("\n")[0]!);
    expect(row).toEqual({ [TEXT]: TEXT });
  });

  it("cannot make each line as long as the longest", async () => {
    const long = encodeFlightInfo({
      schema: Buffer.alloc(0),
      descriptor: { kind: "path", path: ["k".repeat(100_000)] },
      endpoints: [],
      totalRecords: 0,
      totalBytes: 0,
      appMetadata: Buffer.alloc(0),
    });
    const { out } = await runAgainst(
      {
        ListFlights: async (call) => {
          await singleRequest(call, 100);
          for (let index = 0; index < 100; index += 1) await call.write([index === 0 ? long : INFO]);
        },
      },
      ["ls"],
    );
    expect(out.length).toBeLessThan(100_000 + 100 * 1200);
  });
});

describe("an object that wants to steer the terminal", () => {
  async function runOn(value: string | Uint8Array, args: readonly string[]) {
    const server = await startInProcess();
    onTestFinished(() => server.stop());
    const env = { FLAME_CACHE_ENDPOINT: server.endpoint };
    await runCommand(["put", "-", "-k", KEY, "--as", "opaque"], { env, input: value });
    return await runCommand(args, { env, isTerminal: true });
  }

  const values: Record<string, string> = {
    text: TEXT,
    "text of the second set alone": "a\u009b2Jb\u0085c\u202ed",
    JSON: `FLM\u0005${JSON.stringify({ [TEXT]: TEXT })}`,
    "bytes of a value": `FLM\u0006${TEXT}`,
    "a file of text with a number": "\u009d0;title\u009c1234567890123456",
  };

  it.each(Object.entries(values))("cannot by cat: %s", async (_, value) => {
    expect((await runOn(value, ["cat", KEY])).out).toMatch(HARMLESS);
    expect((await runOn(value, ["cat", KEY, "--json"])).out).toMatch(HARMLESS);
  });

  it.each(Object.entries(values))("is not written to it by get: %s", async (_, value) => {
    const { out, outcome } = await runOn(value, ["get", KEY]);
    expect({ out, outcome }).toEqual({ out: "", outcome: "usage" });
  });

  it("is not written to it by get where the character is cut in two", async () => {
    const row = 1024 * 1024;
    const value = Buffer.concat([Buffer.alloc(row - 1, "a"), Buffer.from("\u009b2J")]);
    const { outcome, bytes } = await runOn(value, ["get", KEY]);
    expect(outcome).toBe("usage");
    expect(bytes.indexOf(0x9b)).toBe(-1);
  });
});
