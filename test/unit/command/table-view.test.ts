import zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import { type ArrowInput, type ArrowMessage, readArrowStream } from "../../../src/command/arrow-input.ts";
import { previewTable, type TablePreview } from "../../../src/command/arrow-preview.ts";
import { ByteReader } from "../../../src/command/byte-reader.ts";
import { jsonCell } from "../../../src/command/cell-json.ts";
import { formatCell } from "../../../src/command/cell-text.ts";
import { formatTable } from "../../../src/command/table-view.ts";
import { LIMITS } from "../../../src/limits.ts";
import { goldenStream } from "../arrow/golden.ts";

async function arrowInput(name: string): Promise<ArrowInput> {
  async function* whole(): AsyncGenerator<Buffer> {
    yield goldenStream(name);
  }
  return await readArrowStream(new ByteReader(whole()));
}

async function preview(name: string, rows = 10): Promise<TablePreview> {
  return await previewTable(await arrowInput(name), rows, { add: () => {} });
}

/** A column's cells as text. */
function cells({ fields, rowCount, value }: TablePreview, column: number): string[] {
  return Array.from({ length: rowCount }, (_, row) => formatCell(value(row, column), fields[column]!));
}

describe("cells", () => {
  it("show numbers of every width, nulls and truth", async () => {
    const numbers = await preview("numbers");
    const last = numbers.fields.length - 1;
    expect(cells(numbers, 3)).toEqual(["1", "null", "3"]);
    expect(cells(numbers, last - 1)).toEqual(["null", "null", "null"]);
    expect(cells(numbers, last)).toEqual(["true", "null", "false"]);
  });

  it("show times as ISO 8601 to their last digit, with a Z where there is a zone", async () => {
    const times = await preview("times");
    const third = times.fields.map((field, column) => formatCell(times.value(2, column), field));
    expect(third.slice(0, 12)).toEqual([
      "1970-01-02",
      "1970-01-02",
      "00:00:01",
      "00:00:00.001",
      "00:00:00.000001",
      "00:00:00.000000001",
      "1970-01-01T00:00:01",
      "1970-01-01T00:00:00.001",
      "1970-01-01T00:00:00.000001",
      "1970-01-01T00:00:00.000000001",
      "1970-01-01T00:00:00.000001Z",
      "1970-01-01T00:00:00.000000001Z",
    ]);
  });

  it.each([
    ["timestamp[us]", -1n, "1969-12-31T23:59:59.999999"],
    ["timestamp[s]", 10n ** 15n, "1000000000000000s"],
    ["decimal128(10,2)", -5n, "-0.05"],
    ["decimal128(10,0)", 7n, "7"],
    ["decimal256(10,-2)", 7n, "700"],
    ["decimal32(7,2)", 12345, "123.45"],
    ["duration[ms]", 5n, "5ms"],
    ["float32", Math.fround(0.1), "0.1"],
    ["float64", 0.1, "0.1"],
    ["float32", Number.NaN, "NaN"],
    ["time32[s]", 86_399, "23:59:59"],
    ["date64", 1, "1970-01-01T00:00:00.001"],
    ["binary", new Uint8Array([1, 255]), "0x01ff"],
    ["binary", new Uint8Array(100), `0x${"00".repeat(64)}… (100 bytes)`],
    ["utf8", "a\nb\u001b", "a\\nb\\u001b"],
    ["int64", 2n ** 63n - 1n, "9223372036854775807"],
  ])("of type %s are shown to the digit: %s", (name, value, text) => {
    expect(formatCell(value, { name: "x", nullable: true, type: { name }, children: [], metadata: [] })).toBe(
      text,
    );
  });

  it("show what is nested, by the types inside", async () => {
    const nested = await preview("nested");
    expect(cells(nested, 0)).toEqual(["{x: [{y: [1, null]}], z: q}", "null", "{x: [], z: null}"]);
    const byName = Object.fromEntries(nested.fields.map(({ name }, column) => [name, cells(nested, column)]));
    expect(byName.map).toEqual(["{k: 1}", "null", "{}"]);
    expect(byName.fixed).toEqual(["[1, 2]", "null", "[3, 4]"]);
    expect(byName.runs).toEqual(["a", "a", "null"]);
  });

  it("show dictionaries, unions and compressed batches", async () => {
    expect(cells(await preview("dictionaries"), 0)).toEqual(["a", "b", "a"]);
    expect(cells(await preview("replaced"), 0)).toEqual(["a", "b", "x", "y"]);
    expect(cells(await preview("unions"), 1)).toEqual(["1", "a", "2"]);
    expect(cells(await preview("lz4", 3), 0)).toEqual(["0", "1", "2"]);
  });

  it("are values in JSON where JSON has them, and text where it would change them", async () => {
    const field = (name: string) => ({
      name: "x",
      nullable: true,
      type: { name },
      children: [],
      metadata: [],
    });
    expect(jsonCell(5n, field("int64"))).toBe(5);
    expect(jsonCell(2n ** 60n, field("int64"))).toBe("1152921504606846976");
    expect(jsonCell(Number.NaN, field("float64"))).toBe("NaN");
    expect(jsonCell(Math.fround(0.1), field("float32"))).toBe(0.1);
    expect(jsonCell("a\nb", field("utf8"))).toBe("a\nb");
    expect(jsonCell(null, field("utf8"))).toBeNull();
    const nested = await preview("nested");
    expect(jsonCell(nested.value(0, 0), nested.fields[0]!)).toEqual({ x: [{ y: [1, null] }], z: "q" });
  });
});

const hasZstd = "zstdDecompressSync" in zlib;

describe("a table compressed with zstd", () => {
  it.skipIf(!hasZstd)("is shown as any other where Node can decompress it", async () => {
    expect(cells(await preview("zstd", 3), 0)).toEqual(["0", "1", "2"]);
  });

  it.skipIf(hasZstd)("is refused by name where Node cannot", async () => {
    await expect(preview("zstd")).rejects.toMatchObject({
      outcome: "dataError",
      message: /zstd.*Node 22\.15/,
    });
  });
});

describe("a compressed table that claims more than it is", () => {
  /** The table with each buffer saying that it is this large. */
  async function claiming(name: string, sizeBytes: bigint): Promise<ArrowInput> {
    const input = await arrowInput(name);
    async function* batches(): AsyncGenerator<ArrowMessage> {
      for await (const { header, message, body } of input.batches) {
        const parts: Uint8Array[] = [];
        for await (const part of body) parts.push(part);
        const whole = Buffer.concat(parts);
        const buffers = message.kind === "schema" ? [] : message.batch.buffers();
        const filled = buffers.filter((buffer) => buffer.sizeBytes > 0);
        for (const { offset } of filled) whole.writeBigInt64LE(sizeBytes, offset);
        yield { header, message, body: pieces(whole) };
      }
    }
    return { ...input, batches: batches() };
  }

  async function* pieces(whole: Buffer): AsyncGenerator<Buffer> {
    yield whole;
  }

  it.each([
    ["a terabyte", 2n ** 40n, /over the 256 MiB/],
    ["all there is", 2n ** 63n - 1n, /over the 256 MiB/],
    ["more than its bytes can be", 2n ** 27n, /too short for the size/],
    ["less than its bytes are", 1n, /cannot read/],
    ["less than nothing", -2n, /over the 256 MiB|cannot read/],
  ])("is refused before memory is taken: lz4, %s", async (_, sizeBytes, message) => {
    const before = process.memoryUsage().arrayBuffers;
    const previewing = previewTable(await claiming("lz4", sizeBytes), 3, { add: () => {} });
    await expect(previewing).rejects.toMatchObject({ name: "VerbError", outcome: "dataError", message });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(LIMITS.shownTableBytesMax / 4);
  });

  it.skipIf(!hasZstd)("is refused before memory is taken: zstd", async () => {
    const previewing = previewTable(await claiming("zstd", 2n ** 40n), 3, { add: () => {} });
    await expect(previewing).rejects.toMatchObject({ outcome: "dataError", message: /over the 256 MiB/ });
    const short = previewTable(await claiming("zstd", 1n), 3, { add: () => {} });
    await expect(short).rejects.toMatchObject({ outcome: "dataError" });
  });
});

describe("a table as text", () => {
  it("has names, types and a line above its rows, and says what is not shown", async () => {
    const text = formatTable(await preview("lz4", 2), { columns: undefined, totalRows: 500 });
    expect(text).toBe("    n  t\nint64  utf8\n-----  ----\n    0  text\n    1  text\n… 498 more rows\n");
  });

  it("leaves out columns that a terminal has no room for, and counts them", async () => {
    const lines = formatTable(await preview("times"), { columns: 40, totalRows: 3 }).split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(40);
    expect(lines.at(-2)).toMatch(/^… \d+ more columns$/);
  });

  it("shows at least one column, with its cells cut", async () => {
    const lines = formatTable(await preview("nested"), { columns: 10, totalRows: 3 }).split("\n");
    expect(lines[1]).toMatch(/^struct<.{32}…$/);
  });

  it("says that there are no rows or no columns", async () => {
    expect(formatTable(await preview("no-rows"), { columns: 80, totalRows: 0 })).toContain("no rows\n");
    expect(formatTable(await preview("no-columns"), { columns: 80, totalRows: 3 })).toBe(
      "no columns, 3 rows\n",
    );
  });

  it("shows names and types alone when no rows are asked for", async () => {
    expect(formatTable(await preview("lz4", 0), { columns: 80, totalRows: 500 })).toBe(
      "    n  t\nint64  utf8\n-----  ----\n… 500 more rows\n",
    );
  });
});

describe("a preview", () => {
  it("takes no more batches than its rows need", async () => {
    const input = await arrowInput("deltas");
    let taken = 0;
    async function* batches(): AsyncGenerator<ArrowMessage> {
      for await (const batch of input.batches) {
        taken += 1;
        yield batch;
      }
    }
    const { rowCount } = await previewTable({ ...input, batches: batches() }, 1, { add: () => {} });
    expect(rowCount).toBe(1);
    // One dictionary and one of two batches.
    expect(taken).toBe(2);
  });

  it("refuses a batch that is too large before any of it is fetched", async () => {
    const input = await arrowInput("numbers");
    async function* batches(): AsyncGenerator<ArrowMessage> {
      for await (const batch of input.batches) {
        yield { ...batch, message: { ...batch.message, bodySizeBytes: LIMITS.shownTableBytesMax + 1 } };
      }
    }
    const previewing = previewTable({ ...input, batches: batches() }, 1, { add: () => expect.unreachable() });
    await expect(previewing).rejects.toMatchObject({ outcome: "dataError", message: /at most 256 MiB/ });
  });
});
