import { EventEmitter, once } from "node:events";
import { columnFromArray, tableFromColumns } from "@uwdata/flechette";
import {
  Binary,
  Dictionary,
  Int32,
  RecordBatch,
  RecordBatchReader,
  Table,
  tableFromArrays,
  tableFromIPC,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FlameCache, IpcTable } from "../../src/client/index.ts";
import { pathDescriptor, valuePut } from "../support/flight-messages.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { GOLDEN, goldenStream, splitStream } from "../unit/arrow/golden.ts";

const MIB = 1024 * 1024;

let directory: TemporaryDirectory;
let server: InProcessServer;
let cache: FlameCache;

beforeAll(async () => {
  directory = temporaryDirectory("streams");
  server = await startInProcess(directory.path);
  const env = { FLAME_HOME: directory.path, HOME: directory.path };
  cache = await FlameCache.connect({ endpoint: server.endpoint, env });
});

afterAll(async () => {
  await cache.close();
  await server.stop();
  directory.remove();
});

function refused(code: string, text = ""): unknown {
  return expect.objectContaining({ code, message: expect.stringContaining(text) });
}

async function joined(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const chunk of chunks) copies.push(Buffer.from(chunk));
  return Buffer.concat(copies);
}

/** Chunks of odd sizes, the same every time. */
function* pieces(sizeBytes: number): Generator<Buffer> {
  for (let done = 0, size = 1; done < sizeBytes; size = (size * 7 + 13) % 300_007) {
    const piece = Buffer.alloc(Math.min(size, sizeBytes - done), `at ${done}`);
    done += piece.length;
    yield piece;
  }
}

async function* slowly<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

describe("a stream of chunks", () => {
  it.each([0, 1, 3, 4, 5, MIB, 5 * MIB + 3])("of %d bytes is one value of bytes", async (sizeBytes) => {
    const sent = Buffer.concat([...pieces(sizeBytes)]);
    const ref = await cache.putStream("app/chunks", slowly(pieces(sizeBytes)));
    expect(Buffer.compare(await cache.get<Uint8Array>(ref), sent)).toBe(0);
    expect(Buffer.compare(await joined(cache.getStream(ref)), sent)).toBe(0);
    expect((await cache.stat(ref)).sizeBytes).toBe(sizeBytes + 4);
  });

  it("may be a plain iterable", async () => {
    const ref = await cache.putStream("app/chunks/plain", [
      Buffer.from("a"),
      Buffer.alloc(0),
      Buffer.from("b"),
    ]);
    expect(Buffer.from(await cache.getBytes(ref)).toString()).toBe("ab");
  });

  it("that fails midway stores nothing, and its own error comes out", async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(2 * MIB);
      throw new Error("the source broke");
    }
    await expect(cache.putStream("app/chunks/failing", failing())).rejects.toThrow("the source broke");
    await expect(cache.stat("app/chunks/failing")).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
  });

  it("with an item of another kind is refused", async () => {
    const mixed = [Buffer.from("a"), tableFromArrays({ x: [1] })];
    await expect(cache.putStream("app/chunks/mixed", mixed)).rejects.toThrow(
      refused("INVALID_VALUE", "not a Uint8Array"),
    );
    await expect(cache.putStream("app/chunks/mixed", ["text"] as never)).rejects.toThrow(
      refused("INVALID_VALUE"),
    );
  });

  it("is closed when the put ends early", async () => {
    const events = new EventEmitter();
    const closed = once(events, "closed");
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.alloc(MIB);
      } finally {
        events.emit("closed");
      }
    }
    const signal = AbortSignal.timeout(50);
    await expect(cache.putStream("app/chunks", endless(), { signal })).rejects.toThrow(refused("CANCELLED"));
    expect(await closed).toEqual([]);
  });
});

describe("an object as a stream", () => {
  it("can be left in the middle, and the next get is whole", async () => {
    const ref = await cache.putStream("app/left", slowly(pieces(8 * MIB)));
    for await (const chunk of cache.getStream(ref)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect((await joined(cache.getStream(ref))).length).toBe(8 * MIB);
  });

  it("of an uploaded file is its bytes, also those that look like the start of a tag", async () => {
    for (const raw of ["", "F", "FLM", "FLMN", "raw bytes"]) {
      const ref = await server.client.put(valuePut(pathDescriptor("app/raw/file"), raw));
      expect((await joined(cache.getStream(ref))).toString(), raw).toBe(raw);
    }
  });

  it("of another value is refused", async () => {
    const ref = await cache.put("app", "raw", { a: 1 });
    await expect(joined(cache.getStream(ref))).rejects.toThrow(refused("UNREADABLE_VALUE", "json"));
    await expect(joined(cache.getStream("app/raw/missing"))).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
  });

  it("leaves patches out", async () => {
    const ref = await cache.put("app", "raw", Buffer.from("base"));
    await cache.patch(ref, Buffer.from("patch"));
    expect((await joined(cache.getStream(ref))).toString()).toBe("base");
  });

  it("of a table is an Arrow stream", async () => {
    const ref = await cache.put("app", "tables", tableFromArrays({ x: Int32Array.of(1, 2, 3) }));
    const reader = await RecordBatchReader.from(cache.getStream(ref));
    const table = new Table(await reader.readAll());
    expect(table.getChild("x")?.toArray()).toEqual(Int32Array.of(1, 2, 3));
  });
});

const WORDS = vectorFromArray(["a", "b", "a", "c"], new Dictionary(new Utf8(), new Int32()));
const MANY = new Table({ n: vectorFromArray([1, 2, 3, 4], new Int32()), word: WORDS });
const ROWS = [1, 2, 3, 4].map((n, index) => ({ n, word: "abac"[index] }));

/** One batch for each row. */
function batchesOf(table: Table): RecordBatch[] {
  return Array.from({ length: table.numRows }, (_, row) => table.slice(row, row + 1).batches[0]!);
}

function rows(table: { toArray(): unknown[] }): unknown[] {
  return table.toArray().map((row) => ({ ...(row as object) }));
}

describe("a stream of record batches", () => {
  it("is one table, whose dictionary is sent once", async () => {
    const ref = await cache.putStream("app/batches", slowly(batchesOf(MANY)));
    expect(rows(await cache.get<Table>(ref))).toEqual(ROWS);
    expect(await cache.stat(ref)).toMatchObject({ rows: 4, kind: "table" });
    const messages = splitStream(await joined(cache.getStream(ref)));
    expect(messages.map(({ message }) => message.kind)).toEqual([
      "schema",
      "dictionaryBatch",
      ...Array.from({ length: 4 }, () => "recordBatch"),
    ]);
  });

  it("is given batch by batch", async () => {
    const ref = await cache.putStream("app/batches", batchesOf(MANY));
    const found: unknown[] = [];
    for await (const batch of cache.getBatches<RecordBatch>(ref)) {
      expect(batch).toBeInstanceOf(RecordBatch);
      found.push(...rows(batch));
    }
    expect(found).toEqual(ROWS);
  });

  it("is given as IPC bytes that stand alone", async () => {
    const env = { FLAME_HOME: directory.path, HOME: directory.path };
    await using plain = await FlameCache.connect({ endpoint: server.endpoint, env, tables: "ipc" });
    const ref = await plain.putStream("app/batches", batchesOf(MANY));
    const found: unknown[] = [];
    for await (const batch of plain.getBatches<IpcTable>(ref)) found.push(...rows(tableFromIPC(batch.bytes)));
    expect(found).toEqual(ROWS);
  });

  it("may be of flechette or IPC bytes", async () => {
    const column = (...values: number[]) => columnFromArray(Int32Array.from(values));
    const items = [tableFromColumns({ n: column(1, 2) }), tableFromColumns({ n: column(3) })];
    const ref = await cache.putStream("app/batches", items);
    expect((await cache.get<Table>(ref)).getChild("n")?.toArray()).toEqual(Int32Array.of(1, 2, 3));
    const stream = await joined(cache.getStream(ref));
    const twice = await cache.putStream("app/batches", [new IpcTable(stream), new IpcTable(stream)]);
    expect((await cache.get<Table>(twice)).numRows).toBe(6);
  });

  it("with a batch that does not fit the first is refused", async () => {
    const other = tableFromArrays({ other: Int32Array.of(1) });
    const strange = new Table({
      n: vectorFromArray([1], new Int32()),
      word: vectorFromArray(["x"], new Dictionary(new Utf8(), new Int32())),
    });
    const put = (...items: object[]) => cache.putStream("app/batches/bad", items);
    await expect(put(MANY, other)).rejects.toThrow(refused("INVALID_VALUE", "another schema"));
    await expect(put(MANY, strange)).rejects.toThrow(refused("INVALID_VALUE", "dictionaries of its own"));
    await expect(put(MANY, Buffer.from("a"))).rejects.toThrow(refused("INVALID_VALUE", "not a record batch"));
    await expect(cache.stat("app/batches/bad")).rejects.toThrow(refused("OBJECT_NOT_FOUND"));
  });

  it("is not to be had of other objects", async () => {
    const ref = await cache.put("app", "batches", 1);
    const first = cache.getBatches(ref)[Symbol.asyncIterator]().next();
    await expect(first).rejects.toThrow(refused("UNREADABLE_VALUE", "not a table"));
  });
});

describe("a table", () => {
  it.each(Object.keys(GOLDEN.streams))(
    "of any type goes through as IPC bytes, unchanged: %s",
    async (name) => {
      const [, ...sent] = splitStream(goldenStream(name));
      const ref = await cache.put("app", "golden", new IpcTable(goldenStream(name)));
      const back = await cache.get<IpcTable>(ref, { tables: "ipc" });
      const [, ...got] = splitStream(Buffer.from(back.bytes));
      expect(got.map(({ body }) => body.toString("hex"))).toEqual(
        sent.map(({ body }) => body.toString("hex")),
      );
    },
  );

  it.each(["arrow", "flechette"] as const)(
    "of several batches and a dictionary is read by %s",
    async (tables) => {
      const ref = await cache.putStream("app/batches", batchesOf(MANY));
      expect(rows(await cache.get<Table>(ref, { tables }))).toEqual(ROWS);
    },
  );

  it("with just the columns of an opaque value is a table all the same", async () => {
    const table = tableFromArrays({ version: BigUint64Array.of(1n, 2n) }).assign(
      new Table({ data: vectorFromArray([Buffer.from("a"), Buffer.from("b")], new Binary()) }),
    );
    const ref = await cache.put("app", "tables", table);
    const back = await cache.get<Table>(ref);
    expect(back.schema.names).toEqual(["version", "data"]);
    expect([...back.getChild("version")!]).toEqual([1n, 2n]);
    await expect(cache.putStream("app/tables", [table])).rejects.toThrow(refused("INVALID_VALUE"));
  });

  it("keeps the metadata of its schema", async () => {
    const table = tableFromArrays({ x: Int32Array.of(1) });
    table.schema.metadata.set("mine", "kept");
    const back = await cache.get<Table>(await cache.put("app", "tables", table));
    expect([...back.schema.metadata]).toEqual([["mine", "kept"]]);
  });
});
