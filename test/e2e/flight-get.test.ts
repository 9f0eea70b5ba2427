import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeSchema } from "../../src/arrow/schema.ts";
import { withSchemaMetadata } from "../../src/arrow/schema-metadata.ts";
import { OPAQUE_SCHEMA_HEADER, VERSIONED_SCHEMA_HEADER } from "../../src/object/object-schema.ts";
import {
  commandDescriptor,
  opaqueRows,
  pathDescriptor,
  putMessages,
  type ReceivedMessage,
  receiveFlightData,
  valuePut,
} from "../support/flight-messages.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { numberTable } from "../support/table-batches.ts";
import { goldenStream, splitStream } from "../unit/arrow/golden.ts";

let server: InProcessServer;

beforeAll(async () => {
  server = await startInProcess();
});

afterAll(() => server.stop());

/** A golden stream as a Flame table. */
function flameTable(name: string): { schema: Buffer; batches: { header: Uint8Array; body: Buffer }[] } {
  const [schema, ...batches] = splitStream(goldenStream(name));
  const { header } = withSchemaMetadata(schema!.header, [
    ["flame.cache.format", "arrow-table-v1"],
    ["flame.cache.logical_type", "pyarrow.table"],
  ]);
  return { schema: header, batches };
}

/** What came, without the zeros that frames pad headers with. */
function contents(received: readonly ReceivedMessage[], sent: readonly { header: Uint8Array }[]): string[] {
  return received.map(({ header, body, appMetadata }, index) => {
    const kept = header.subarray(0, sent[index]!.header.length).toString("hex");
    const padding = header.subarray(sent[index]!.header.length).some((byte) => byte !== 0);
    return `${kept} ${padding} ${body.toString("hex")} ${appMetadata}`;
  });
}

function refused(code: string): unknown {
  return expect.objectContaining({ code });
}

describe("a get of an opaque object", () => {
  const KEY = "app/get/patched";

  beforeAll(async () => {
    await server.client.put(valuePut(pathDescriptor(KEY), "replaced"));
    await server.client.put(valuePut(pathDescriptor(KEY), "base"));
    await server.client.put(valuePut(commandDescriptor(`PATCH:${KEY}`), "one"));
    await server.client.put(valuePut(commandDescriptor(`PATCH:${KEY}`), "two"));
  });

  it("without a version gives what was put, in two columns", async () => {
    const answer = await server.client.get(KEY);
    expect(answer[0]!.header.equals(OPAQUE_SCHEMA_HEADER)).toBe(true);
    expect(opaqueRows(answer)).toEqual([
      { version: 2, data: "base" },
      { version: 3, data: "one" },
      { version: 4, data: "two" },
    ]);
  });

  const BASE = { version: 2, kind: "base", data: "base" };
  const ONE = { version: 3, kind: "patch", data: "one" };
  const TWO = { version: 4, kind: "patch", data: "two" };

  it.each([
    ["0, none at all", 0, [BASE, ONE, TWO]],
    ["1, of a base that was replaced", 1, [BASE, ONE, TWO]],
    ["2, the base", 2, [ONE, TWO]],
    ["3, a patch", 3, [TWO]],
    ["4, the current one", 4, []],
    ["5, which does not exist", 5, [BASE, ONE, TWO]],
  ])("by who holds version %s gives what they lack", async (_, held, rows) => {
    const answer = await server.client.get(KEY, held);
    expect(answer[0]!.header.equals(VERSIONED_SCHEMA_HEADER)).toBe(true);
    expect(opaqueRows(answer)).toEqual(rows);
  });

  it("by a version that no number holds gives everything", async () => {
    const answer = await server.client.getTicket(Buffer.from(`${KEY}:99999999999999999999999`));
    expect(opaqueRows(answer)).toEqual([BASE, ONE, TWO]);
  });

  it("that is missing is OBJECT_NOT_FOUND", async () => {
    await expect(server.client.get("app/get/missing")).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
    await expect(server.client.get("app/get/missing", 3)).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
  });

  it.each(["app/get", "app/get/../x", "", "app/get/a/b", "*/*/*"])(
    "by the ticket %j is INVALID_KEY",
    async (key) => {
      await expect(server.client.get(key)).rejects.toThrow(refused("INVALID_KEY"));
    },
  );

  it("by a ticket that is no text is INVALID_REQUEST", async () => {
    await expect(server.client.getTicket(Buffer.from("ff", "hex"))).rejects.toThrow(
      refused("INVALID_REQUEST"),
    );
  });
});

describe("a table", () => {
  it.each(["nested", "dictionaries", "replaced", "deltas", "zstd", "no-rows", "no-columns", "unions"])(
    "such as %s comes back message by message",
    async (name) => {
      const [schema, ...batches] = splitStream(goldenStream(name));
      const key = `app/table/${name}`;
      await server.client.put(putMessages(pathDescriptor(key), schema!.header, batches));
      const received = await server.client.get(key);
      const sent = [schema!, ...batches];
      expect(contents(received, sent)).toEqual(
        sent.map(
          ({ header, body }) => `${Buffer.from(header).toString("hex")} false ${body.toString("hex")} `,
        ),
      );
    },
  );

  it("whose body is no multiple of 8 comes back without the zeros it is stored with", async () => {
    const messages = numberTable(pathDescriptor("app/table/odd"), [16]);
    await server.client.put(messages);
    const [, batch] = await server.client.get("app/table/odd");
    expect(batch!.body.equals(receiveFlightData(messages[1]!).body)).toBe(true);
    expect(batch!.message.bodySizeBytes).toBe(20);
  });

  it("of Flame comes back untouched without a version, and with the cache's metadata with one", async () => {
    const { schema, batches } = flameTable("nested");
    const { key, version } = await server.client.put(
      putMessages(pathDescriptor("app/table"), schema, batches),
    );
    const plain = await server.client.get(key);
    expect(plain[0]!.header.equals(schema)).toBe(true);
    const versioned = await server.client.get(key, 0);
    expect(decodeSchema(versioned[0]!.header).metadata).toEqual([
      ["flame.cache.format", "arrow-table-v1"],
      ["flame.cache.version", "00000000000000000001"],
      ["flame.cache.logical_type", "pyarrow.table"],
    ]);
    expect(contents(versioned.slice(1), batches)).toEqual(contents(plain.slice(1), batches));
    expect(version).toBe(1);
  });

  it("that is plain is given the cache's metadata for a ticket with a version", async () => {
    const { metadata } = decodeSchema((await server.client.get("app/table/nested", 0))[0]!.header);
    expect(metadata).toEqual(
      expect.arrayContaining([
        ["flame.cache.format", "arrow-table-v1"],
        ["flame.cache.version", "00000000000000000001"],
      ]),
    );
  });

  it("that the client holds is answered by a schema and nothing else", async () => {
    const answer = await server.client.get("app/table/nested", 1);
    expect(answer.map(({ header }) => header.equals(VERSIONED_SCHEMA_HEADER))).toEqual([true]);
  });

  it("with patches comes whole, also to who holds its base", async () => {
    const { schema, batches } = flameTable("dictionaries");
    const key = "app/table/patched";
    await server.client.put(putMessages(pathDescriptor(key), schema, batches));
    const ref = await server.client.put(putMessages(commandDescriptor(`PATCH:${key}`), schema, batches));
    expect(ref).toEqual({ endpoint: server.endpoint, key, version: 2 });
    const twice = contents([...(await server.client.get(key, 1))].slice(1), [...batches, ...batches]);
    expect(twice.length).toBe(2 * batches.length);
    expect(twice.slice(batches.length)).toEqual(twice.slice(0, batches.length));
  });
});

describe("a ticket that ends in a colon and digits", () => {
  const KEY = "app/get/run-2024-01-01T12:30:45";

  beforeAll(async () => {
    await server.client.put(valuePut(pathDescriptor(KEY), "a time"));
  });

  it("names the object whose key it is", async () => {
    const answer = await server.client.get(KEY);
    expect(opaqueRows(answer)).toEqual([{ version: 1, data: "a time" }]);
    expect(opaqueRows(await server.client.get(KEY, 0))).toEqual([
      { version: 1, kind: "base", data: "a time" },
    ]);
  });

  it("names that one also where an object of the key before the colon exists", async () => {
    await server.client.put(valuePut(pathDescriptor("app/get/both"), "other"));
    expect(opaqueRows(await server.client.get("app/get/both:7"))).toMatchObject([{ data: "other" }]);
    await server.client.put(valuePut(pathDescriptor("app/get/both:7"), "exact"));
    expect(opaqueRows(await server.client.get("app/get/both:7"))).toMatchObject([{ data: "exact" }]);
    expect(opaqueRows(await server.client.get("app/get/both"))).toMatchObject([{ data: "other" }]);
    await server.client.action("DELETE", "app/get/both:7");
    expect(opaqueRows(await server.client.get("app/get/both:7"))).toMatchObject([{ data: "other" }]);
  });

  it("names the object where what is before the colon is not a key", async () => {
    await server.client.put(valuePut(pathDescriptor("app/get/:5"), "colon"));
    expect(opaqueRows(await server.client.get("app/get/:5"))).toMatchObject([{ data: "colon" }]);
    await expect(server.client.get("app/get/:6")).rejects.toMatchObject({ code: "INVALID_KEY" });
  });
});
