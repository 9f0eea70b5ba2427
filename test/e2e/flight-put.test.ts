import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withSchemaMetadata } from "../../src/arrow/schema-metadata.ts";
import { FLIGHT_METHODS } from "../../src/flight/methods.ts";
import { decodeObjectRef } from "../../src/object/object-ref.ts";
import {
  commandDescriptor,
  flightData,
  opaquePut,
  opaqueRows,
  pathDescriptor,
  putMessages,
  valuePut,
} from "../support/flight-messages.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { CLIENT_OPAQUE_SCHEMA, encodeOpaqueBatch } from "../support/opaque-batch.ts";
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

function refused(code: string): unknown {
  return expect.objectContaining({ code });
}

describe("a put of an opaque value", () => {
  it("under a key is answered by an ObjectRef of version 1, and of one more each time", async () => {
    const put = valuePut(pathDescriptor("app/put/again"), "value");
    expect(await server.client.put(put)).toEqual({
      endpoint: server.endpoint,
      key: "app/put/again",
      version: 1,
    });
    expect((await server.client.put(put)).version).toBe(2);
  });

  it("under a path of several elements is under the joined key", async () => {
    const ref = await server.client.put(valuePut(pathDescriptor("app", "put", "joined"), "value"));
    expect(ref.key).toBe("app/put/joined");
  });

  it("under a prefix is given a UUID of version 4", async () => {
    const ref = await server.client.put(valuePut(pathDescriptor("app/put"), "value"));
    expect(ref.key).toMatch(
      /^app\/put\/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(ref.version).toBe(1);
    expect(opaqueRows(await server.client.get(ref.key))).toEqual([{ version: 1, data: "value" }]);
  });

  it("joins the cells of all rows of all batches", async () => {
    const cells = (...texts: string[]) => ({
      cells: texts.map((text) => Buffer.from(text)),
      before: 5,
      behind: 5,
    });
    await server.client.put(opaquePut(pathDescriptor("app/put/joins"), cells("a", "b"), cells(), cells("c")));
    expect(opaqueRows(await server.client.get("app/put/joins"))).toEqual([{ version: 1, data: "abc" }]);
  });

  it("of no batches is an empty value", async () => {
    await server.client.put(opaquePut(pathDescriptor("app/put/empty")));
    expect(opaqueRows(await server.client.get("app/put/empty"))).toEqual([{ version: 1, data: "" }]);
  });

  it("of many megabytes comes back as it was", async () => {
    const value = Buffer.alloc(5_000_000, "0123456789");
    await server.client.put(valuePut(pathDescriptor("app/put/large"), value));
    const [row] = opaqueRows(await server.client.get("app/put/large", 0));
    expect(row?.data === value.toString()).toBe(true);
  });

  it("may begin with a descriptor that comes before the schema", async () => {
    const [schema, ...batches] = valuePut(pathDescriptor("app/put/other"), "value");
    const messages = [flightData({ descriptor: pathDescriptor("app/put/early") }), schema!, ...batches];
    expect((await server.client.put(messages)).key).toBe("app/put/early");
  });
});

describe("a patch", () => {
  const table = flameTable("nested");

  beforeAll(async () => {
    await server.client.put(valuePut(pathDescriptor("app/patch/value"), "base"));
    await server.client.put(putMessages(pathDescriptor("app/patch/table"), table.schema, table.batches));
  });

  it("of nothing is OBJECT_NOT_FOUND", async () => {
    const put = valuePut(commandDescriptor("PATCH:app/patch/missing"), "x");
    await expect(server.client.put(put)).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
  });

  it.each([
    ["of a value onto a table", valuePut(commandDescriptor("PATCH:app/patch/table"), "x")],
    [
      "of a table onto a value",
      putMessages(commandDescriptor("PATCH:app/patch/value"), table.schema, table.batches),
    ],
    [
      "of a table onto one of another schema",
      putMessages(commandDescriptor("PATCH:app/patch/table"), flameTable("strings").schema, []),
    ],
  ])("%s is INVALID_REQUEST and changes nothing", async (_, put) => {
    await expect(server.client.put(put)).rejects.toThrow(refused("INVALID_REQUEST"));
    expect(decodeObjectRef((await server.client.info("app/patch/table")).appMetadata).version).toBe(1);
    expect(decodeObjectRef((await server.client.info("app/patch/value")).appMetadata).version).toBe(1);
  });

  it.each([
    ["INVALID_REQUEST", "another command", "APPEND:app/patch/value"],
    ["INVALID_KEY", "a prefix", "PATCH:app/patch"],
    ["INVALID_KEY", "a path out of the directory", "PATCH:app/patch/../../x"],
  ])("is %s by %s", async (code, _, command) => {
    await expect(server.client.put(valuePut(commandDescriptor(command), "x"))).rejects.toThrow(refused(code));
  });
});

describe("a put that attaches app_metadata", () => {
  const [schema, ...batches] = splitStream(goldenStream("deltas"));
  const withMetadata = batches.map(({ header, body }, index) => ({
    header,
    body,
    appMetadata: `batch ${index}`,
  }));
  const isRecordBatch = (index: number) => batches[index]?.message.kind === "recordBatch";
  const ofRecordBatches = withMetadata
    .map(({ appMetadata }) => appMetadata)
    .filter((_, index) => isRecordBatch(index));

  it("is answered record batch by record batch by the same, and by no ObjectRef", async () => {
    const answers = await server.client.putAll(
      putMessages(pathDescriptor("app/echo/all"), schema!.header, withMetadata),
    );
    expect(answers.map(String)).toEqual(ofRecordBatches);
  });

  it("to schema and dictionaries as well, as arrow-go does, is answered once for each record batch", async () => {
    expect(ofRecordBatches.length).toBeLessThan(batches.length);
    const [first, ...others] = putMessages(pathDescriptor("app/echo/go"), schema!.header, withMetadata);
    const withSchemaMetadata = Buffer.concat([first!, flightData({ appMetadata: "batch 0" })]);
    const answers = await server.client.putAll([withSchemaMetadata, ...others]);
    expect(answers.map(String)).toEqual(ofRecordBatches);
  });

  it("to dictionaries alone is answered by an ObjectRef, and comes back with them", async () => {
    const onDictionaries = withMetadata.map(({ header, body, appMetadata }, index) => ({
      header,
      body,
      appMetadata: isRecordBatch(index) ? "" : appMetadata,
    }));
    const put = putMessages(pathDescriptor("app/echo/dictionaries"), schema!.header, onDictionaries);
    expect(await server.client.put(put)).toMatchObject({ key: "app/echo/dictionaries", version: 1 });
    const received = await server.client.get("app/echo/dictionaries");
    expect(received.slice(1).map(({ appMetadata }) => appMetadata)).toEqual(
      onDictionaries.map(({ appMetadata }) => appMetadata),
    );
  });

  it("is answered at once, while the put goes on", async () => {
    const call = server.client.grpc.open(FLIGHT_METHODS.DoPut.path);
    const [first, ...others] = putMessages(pathDescriptor("app/echo/waits"), schema!.header, withMetadata);
    await call.write([first!]);
    for (const [index, message] of others.entries()) {
      await call.write([message]);
      const answers = isRecordBatch(index) ? [await call.responses.next()] : [];
      for (const answer of answers) expect((await answer!.collect(1000)).toString()).toContain("batch");
    }
    call.endRequests();
    expect(await call.responses.next()).toBeNull();
    expect((await server.client.get("app/echo/waits")).length).toBe(1 + batches.length);
  });

  it("gets it back with its batches", async () => {
    await server.client.putAll(putMessages(pathDescriptor("app/echo/kept"), schema!.header, withMetadata));
    const received = await server.client.get("app/echo/kept");
    expect(received.slice(1).map(({ appMetadata }) => appMetadata)).toEqual(
      withMetadata.map(({ appMetadata }) => appMetadata),
    );
  });

  it.each(["app/echo/schema", "app/echo/schema:0"])(
    "to the schema message gets it back with the schema, by the ticket %s",
    async (ticket) => {
      const descriptor = pathDescriptor("app/echo/schema");
      const first = flightData({ descriptor, header: schema!.header, appMetadata: "of the schema" });
      const [, ...others] = putMessages(descriptor, schema!.header, batches);
      expect(await server.client.put([first, ...others])).toMatchObject({ key: "app/echo/schema" });
      const received = await server.client.getTicket(Buffer.from(ticket));
      expect(received.map(({ appMetadata }) => appMetadata)).toEqual([
        "of the schema",
        ...batches.map(() => ""),
      ]);
    },
  );

  it("to the schema message of an opaque value or a patch is taken, and not kept", async () => {
    const opaque = { descriptor: pathDescriptor("app/echo/value"), header: CLIENT_OPAQUE_SCHEMA };
    const value = encodeOpaqueBatch({ cells: [Buffer.from("x")] });
    await server.client.put([flightData({ ...opaque, appMetadata: "note" }), flightData(value)]);
    expect((await server.client.get("app/echo/value")).map(({ appMetadata }) => appMetadata)).toEqual([
      "",
      "",
    ]);
    await server.client.put(putMessages(pathDescriptor("app/echo/base"), schema!.header, batches));
    const patch = { descriptor: commandDescriptor("PATCH:app/echo/base"), header: schema!.header };
    await server.client.put([flightData({ ...patch, appMetadata: "note" }), ...batches.map(flightData)]);
    const received = await server.client.get("app/echo/base");
    expect(received.map(({ appMetadata }) => appMetadata)).toEqual(received.map(() => ""));
  });

  it.each([
    ["before the schema", 1],
    ["behind it", 2],
  ])("to no Arrow message, %s, is INVALID_REQUEST", async (_, place) => {
    const messages = putMessages(pathDescriptor("app/echo/lost"), schema!.header, batches);
    const first = flightData({ descriptor: pathDescriptor("app/echo/lost") });
    const lost = [first, ...messages].toSpliced(place, 0, flightData({ appMetadata: "lost" }));
    await expect(server.client.put(lost)).rejects.toThrow(refused("INVALID_REQUEST"));
  });

  it("to an opaque value is echoed as well", async () => {
    const batch = { ...encodeOpaqueBatch({ cells: [Buffer.from("x")] }), appMetadata: "mine" };
    const answers = await server.client.putAll(
      putMessages(pathDescriptor("app/echo/opaque"), CLIENT_OPAQUE_SCHEMA, [batch]),
    );
    expect(answers.map(String)).toEqual(["mine"]);
  });
});
