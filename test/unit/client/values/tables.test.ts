import { readFileSync } from "node:fs";
import {
  columnFromArray,
  dictionary as flechetteDictionary,
  tableFromColumns,
  tableFromIPC,
  utf8,
} from "@uwdata/flechette";
import { Dictionary, Int32, RecordBatch, Table, tableFromArrays, Utf8, vectorFromArray } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { decodeMessage } from "../../../../src/arrow/message.ts";
import { decodeSchema } from "../../../../src/arrow/schema.ts";
import {
  decodeTable,
  resolveTableForm,
  type TableForm,
} from "../../../../src/client/values/arrow-libraries.ts";
import { encodeValue } from "../../../../src/client/values/encode-value.ts";
import {
  frameMessage,
  frameSchema,
  type IpcMessages,
  splitIpc,
} from "../../../../src/client/values/ipc-messages.ts";
import { IpcTable } from "../../../../src/client/values/ipc-table.ts";
import { GOLDEN, goldenFile, goldenStream, splitStream } from "../../arrow/golden.ts";

/** The messages of a value that is stored as a table. */
async function messagesOf(value: unknown): Promise<IpcMessages> {
  const encoded = await encodeValue(value);
  expect(encoded.kind).toBe("table");
  return "messages" in encoded ? encoded.messages : { schemaHeader: new Uint8Array(0), batches: [] };
}

function partsOf({ schemaHeader, batches }: IpcMessages): Uint8Array[] {
  const framed = batches.map(({ header, body }) => {
    const message = frameMessage(header, body.byteLength);
    message.body.set(body);
    return message.part;
  });
  return [frameSchema(schemaHeader), ...framed];
}

async function roundTrip(value: unknown, form: TableForm): Promise<{ toArray(): object[] }> {
  return (await decodeTable(partsOf(await messagesOf(value)), form)) as { toArray(): object[] };
}

const dictionary = vectorFromArray(["a", "b", "a"], new Dictionary(new Utf8(), new Int32()));
const arrowTable = new Table({ n: vectorFromArray([1, 2, 3], new Int32()), d: dictionary });
const ROWS = [
  { n: 1, d: "a" },
  { n: 2, d: "b" },
  { n: 3, d: "a" },
];

function rows(table: { toArray(): object[] }): object[] {
  return table.toArray().map((row) => ({ ...(row as object) }));
}

describe("a table of a library", () => {
  it.each(["arrow", "flechette"] as const)("of apache-arrow is read by %s", async (form) => {
    expect(rows(await roundTrip(arrowTable, form))).toEqual(ROWS);
  });

  it.each(["arrow", "flechette"] as const)("of flechette is read by %s", async (form) => {
    const d = columnFromArray(["a", "b", "a"], flechetteDictionary(utf8()));
    const n = columnFromArray(Int32Array.of(1, 2, 3));
    expect(rows(await roundTrip(tableFromColumns({ n, d }), form))).toEqual(ROWS);
  });

  it("may be one record batch", async () => {
    const [batch] = arrowTable.batches;
    expect(batch).toBeInstanceOf(RecordBatch);
    expect(rows(await roundTrip(batch, "arrow"))).toEqual(ROWS);
  });

  it("may have no rows", async () => {
    const table = (await roundTrip(arrowTable.slice(0, 0), "arrow")) as Table;
    expect([table.numRows, table.schema.names]).toEqual([0, ["n", "d"]]);
  });

  it("is stored as a Flame table, and comes back without the cache's metadata but with its own", async () => {
    const table = tableFromArrays({ x: Float64Array.of(1) });
    table.schema.metadata.set("mine", "kept");
    const messages = await messagesOf(table);
    expect(decodeSchema(messages.schemaHeader).metadata).toEqual([
      ["flame.cache.format", "arrow-table-v1"],
      ["flame.cache.logical_type", "pyarrow.table"],
      ["mine", "kept"],
    ]);
    const back = (await decodeTable(partsOf(messages), "arrow")) as Table;
    expect([...back.schema.metadata]).toEqual([["mine", "kept"]]);
  });

  it("is told from JSON that has a schema", async () => {
    const value = { schema: { fields: [] }, batches: [], children: [], names: [] };
    expect((await encodeValue(value)).kind).toBe("opaque");
  });

  it("that the library cannot encode is refused", async () => {
    class Broken {
      schema = { fields: [] };
      batches = [{}];
    }
    await expect(encodeValue(new Broken())).rejects.toThrow(/^\[INVALID_VALUE\] the table cannot be encoded/);
  });
});

describe("IPC bytes", () => {
  it.each(Object.keys(GOLDEN.streams))("of a stream go through message by message: %s", async (name) => {
    const [schema, ...batches] = splitStream(goldenStream(name));
    const messages = await messagesOf(new IpcTable(goldenStream(name)));
    expect(decodeSchema(messages.schemaHeader).fields).toEqual(decodeSchema(schema!.header).fields);
    expect(messages.batches.map(({ header, body }) => [header, Buffer.from(body)])).toEqual(
      batches.map(({ header, body }) => [header, body]),
    );
  });

  it.each(Object.keys(GOLDEN.files))("of a file go through in the order of the file: %s", async (name) => {
    const { batches } = await messagesOf(new IpcTable(goldenFile(name)));
    const known = new Set(splitStream(goldenStream(name)).map(({ body }) => body.toString("hex")));
    expect(batches.filter(({ body }) => !known.has(Buffer.from(body).toString("hex")))).toEqual([]);
    const rowCounts = batches
      .map(({ header }) => decodeMessage(header))
      .filter(({ kind }) => kind === "recordBatch");
    expect(rowCounts.map((message) => "batch" in message && message.batch.rowCount)).toEqual(
      GOLDEN.files[name]!.rows,
    );
  });

  it("may come in parts", async () => {
    const stream = goldenStream("nested");
    const parts = [stream.subarray(0, 5), stream.subarray(5, 100), stream.subarray(100)];
    const table = new IpcTable(parts);
    expect(table.sizeBytes).toBe(stream.length);
    expect(Buffer.from(table.bytes).equals(stream)).toBe(true);
    expect((await messagesOf(table)).batches).toHaveLength(splitStream(stream).length - 1);
  });

  it("that are none are refused", async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from("no arrow"), Buffer.from("ARROW1\0\0")]) {
      await expect(encodeValue(new IpcTable(bytes))).rejects.toThrow(
        expect.objectContaining({ code: "INVALID_IPC" }),
      );
    }
  });

  it("that are cut are refused or end at a message, never misread", () => {
    const stream = goldenStream("dictionaries");
    const whole = splitIpc(stream).batches.length;
    for (let length = 0; length < stream.length; length += 1) {
      const cut = stream.subarray(0, length);
      expect(batchCount(cut), `${length} bytes`).toBeLessThanOrEqual(whole);
    }
  });

  function batchCount(bytes: Uint8Array): number {
    try {
      return splitIpc(bytes).batches.length;
    } catch (error) {
      expect(error).toMatchObject({ code: "INVALID_IPC" });
      return 0;
    }
  }
});

describe("the library for tables", () => {
  it("is apache-arrow unless another is named", async () => {
    expect(await resolveTableForm(undefined)).toBe("arrow");
    expect(await resolveTableForm("flechette")).toBe("flechette");
    expect(await resolveTableForm("ipc")).toBe("ipc");
  });

  it.each([
    ["arrow", "apache-arrow"],
    ["flechette", "@uwdata/flechette"],
  ] as const)("that cannot read a table is named in the error: %s", async (form, library) => {
    const parts = partsOf(splitIpc(goldenStream("zstd")));
    await expect(decodeTable(parts, form)).rejects.toThrow(
      `[UNREADABLE_VALUE] ${library} cannot read the table (tables: "ipc" gives its bytes)`,
    );
    expect(await decodeTable(parts, "ipc")).toBeInstanceOf(IpcTable);
  });
});

describe("a flechette table whose batches have dictionaries of their own", () => {
  it("keeps the words of every batch", async () => {
    const url = new URL("../../../golden/cases/test__data__dict_replacement.arrows", import.meta.url);
    const table = tableFromIPC(readFileSync(url));
    const words = ["alice", "bob", "carol", "dave", "eve"];
    expect([...table.getChild("name")]).toEqual(words);
    const back = (await roundTrip(table, "flechette")) as unknown as typeof table;
    expect([...back.getChild("name")]).toEqual(words);
  });
});
