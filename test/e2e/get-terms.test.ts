/** Call headers of a DoGet by version: whose version it is, rows of a size, and the location of a large file. */
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeSchema } from "../../src/arrow/schema.ts";
import { formatTicket } from "../../src/flight/ticket.ts";
import { VERSIONED_SCHEMA_HEADER } from "../../src/object/object-schema.ts";
import {
  commandDescriptor,
  opaqueRows,
  pathDescriptor,
  type ReceivedMessage,
  valuePut,
} from "../support/flight-messages.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { numberTable } from "../support/table-batches.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const KEY = "app/terms/object";
const MIB = 1024 ** 2;
const directory = temporaryDirectory("get-terms");
let server: InProcessServer;

beforeAll(async () => {
  server = await startInProcess(directory.path);
});

afterAll(async () => {
  await server.stop();
  directory.remove();
});

function get(key: string, version: number, metadata: Record<string, string>): Promise<ReceivedMessage[]> {
  return server.client.getTicket(formatTicket(key, version), { metadata });
}

function metadataOf(answer: readonly ReceivedMessage[]): Record<string, string> {
  return Object.fromEntries(decodeSchema(answer[0]!.header).metadata);
}

async function instance(): Promise<string> {
  return metadataOf(await get(KEY, 0, { "flame-instance": "" }))["flame.cache.instance"]!;
}

describe("a get by version", () => {
  beforeAll(async () => {
    await server.client.put(valuePut(pathDescriptor(KEY), "base"));
    await server.client.put(valuePut(commandDescriptor(`PATCH:${KEY}`), "one"));
  });

  it("names the run of the server to who asks, and to nobody else", async () => {
    const id = await instance();
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    const unchanged = await get(KEY, 2, { "flame-instance": id });
    expect(unchanged).toHaveLength(1);
    expect(metadataOf(unchanged)).toEqual({ "flame.cache.instance": id });
    const plain = await server.client.get(KEY, 2);
    expect(plain.map(({ header }) => header.equals(VERSIONED_SCHEMA_HEADER))).toEqual([true]);
  });

  it("of this run sends the patches since, of another run everything", async () => {
    const own = await get(KEY, 1, { "flame-instance": await instance() });
    expect(opaqueRows(own).map(({ data }) => data)).toEqual(["one"]);
    const other = await get(KEY, 2, { "flame-instance": "another-run" });
    expect(opaqueRows(other).map(({ data }) => data)).toEqual(["base", "one"]);
  });

  it("names the run in the schema of a table as well", async () => {
    await server.client.put(numberTable(pathDescriptor("app/terms/table"), [64]));
    const answer = await get("app/terms/table", 0, { "flame-instance": "" });
    expect(metadataOf(answer)).toMatchObject({
      "flame.cache.format": "arrow-table-v1",
      "flame.cache.instance": await instance(),
    });
  });
});

describe("a value in rows", () => {
  const LARGE = "x".repeat(2.5 * MIB);

  it.each([
    ["as the caller says", `${MIB}`, [MIB, MIB, MIB / 2]],
    ["of 1 MiB at least", "1", [MIB, MIB, MIB / 2]],
    ["whole where it fits", `${4 * MIB}`, [2.5 * MIB]],
  ])("comes %s", async (_, rowBytes, sizes) => {
    await server.client.put(valuePut(pathDescriptor("app/terms/large"), LARGE));
    const rows = opaqueRows(await get("app/terms/large", 0, { "flame-row-bytes": rowBytes }));
    expect(rows.map(({ data }) => data.length)).toEqual(sizes);
    expect(rows.map(({ data }) => data).join("")).toBe(LARGE);
    expect(new Set(rows.map(({ version, kind }) => `${version} ${kind}`)).size).toBe(1);
  });

  it.each(["", "-1", "1e6", "99999999999"])("of %j bytes is INVALID_REQUEST", async (rowBytes) => {
    await expect(get(KEY, 0, { "flame-row-bytes": rowBytes })).rejects.toMatchObject({
      code: "INVALID_REQUEST",
    });
  });
});

describe("a get at least of a version", () => {
  it.each(["0", "1", "99"])("gets the current object of a server with files, from %s on", async (version) => {
    const terms = { "flame-at-least-version": version };
    expect(opaqueRows(await get(KEY, 0, terms)).map(({ data }) => data)).toEqual(["base", "one"]);
    expect(opaqueRows(await server.client.getTicket(formatTicket(KEY), { metadata: terms }))).toHaveLength(2);
  });

  it.each(["", "-1", "1e6", "latest", "9".repeat(16)])("%j is INVALID_REQUEST", async (version) => {
    await expect(get(KEY, 0, { "flame-at-least-version": version })).rejects.toMatchObject({
      code: "INVALID_REQUEST",
    });
  });
});

describe("a get that takes a location", () => {
  const TAKES = { "flame-file-locations": "1" };

  it("of a large object is answered by it and no row", async () => {
    const { version } = await server.client.put(valuePut(pathDescriptor("app/terms/file"), "x".repeat(MIB)));
    const answer = await get("app/terms/file", 0, TAKES);
    expect(answer).toHaveLength(1);
    const metadata = metadataOf(answer);
    expect(Number(metadata["flame.cache.version"])).toBe(version);
    const url = new URL(metadata["flame.cache.file"]!);
    expect(fileURLToPath(`file://${url.pathname}`)).toMatch(/app\/terms\/file\.arrow$/);
    expect(Number(url.searchParams.get("ino"))).toBe(statSync(fileURLToPath(`file://${url.pathname}`)).ino);
    expect((await get("app/terms/file", version, TAKES))[0]!.header.equals(VERSIONED_SCHEMA_HEADER)).toBe(
      true,
    );
  });

  it.each([
    [String(MIB), 1],
    ["1", 1],
    [String(MIB + 1), 2],
    ["0", 2],
    ["many", 2],
  ])(
    "of objects of %s bytes and more is answered, for one of 1 MiB, by %i messages",
    async (bytes, messages) => {
      await server.client.put(valuePut(pathDescriptor("app/terms/large"), "x".repeat(MIB)));
      expect(await get("app/terms/large", 0, { "flame-file-locations": bytes })).toHaveLength(messages);
    },
  );

  it("is sent what is small, patched, or asked for without a version", async () => {
    expect(opaqueRows(await get(KEY, 0, TAKES))).toHaveLength(2);
    await server.client.put(valuePut(pathDescriptor("app/terms/patched"), "x".repeat(MIB)));
    await server.client.put(valuePut(commandDescriptor("PATCH:app/terms/patched"), "y"));
    expect(opaqueRows(await get("app/terms/patched", 0, TAKES))).toHaveLength(2);
    const plain = await server.client.getTicket(formatTicket("app/terms/file"), { metadata: TAKES });
    expect(opaqueRows(plain)).toHaveLength(1);
  });
});
