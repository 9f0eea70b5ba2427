/**
 * Facts read from the last bytes of a file: the same as reading all of it gives, and none where they cannot be trusted.
 */
import { describe, expect, it } from "vitest";
import { readFileFacts } from "../../../src/object/file-facts.ts";
import { readStoredObject } from "../../../src/object/stored-object.ts";
import { encodeClientValue } from "../../support/client-file.ts";
import { goldenTable, type WrittenObject, writeOpaque, writeTable } from "./sample-objects.ts";

async function bytesOf({ file }: WrittenObject): Promise<Buffer> {
  return Buffer.from(await file.read(0, file.sizeBytes));
}

describe("facts from a file's end", () => {
  it.each([
    ["an empty value", () => writeOpaque([])],
    ["a value", () => writeOpaque([Buffer.alloc(1_000)], { version: 12_345_678_901 })],
    ["a value of several rows", () => writeOpaque([Buffer.alloc(1_000)], { rowBytesMax: 300 })],
    [
      "a value with an end",
      () => writeOpaque([], { lifetime: { untilMs: 1_800_000_000_000, ttlMs: 5_000 } }),
    ],
    [
      "a value without end",
      () => writeOpaque([], { lifetime: { untilMs: Number.POSITIVE_INFINITY, ttlMs: 0 } }),
    ],
    ["a table", () => writeTable(goldenTable("nested"), { version: 4, appMetadata: ["é", "", "x"] })],
    ["a stream", () => writeTable(goldenTable("replaced"))],
  ])("of %s are those the whole file tells", async (_, write) => {
    const written = await write();
    const bytes = await bytesOf(written);
    const object = (await readStoredObject(written.file, written.form))!;
    const { kind, version, rowCount, dataBytes, lifetime } = object;
    expect(readFileFacts(bytes)).toEqual({ kind, version, rowCount, dataBytes, lifetime });
    const footerBytes = bytes.readInt32LE(bytes.length - 10) + 18;
    expect(readFileFacts(bytes.subarray(-footerBytes))).toEqual({
      kind,
      version,
      rowCount,
      dataBytes,
      lifetime,
    });
    expect(readFileFacts(bytes.subarray(1 - footerBytes))).toBeUndefined();
  });

  it("are none for a file that a client wrote, or that is none", () => {
    expect(readFileFacts(encodeClientValue({ cells: [Buffer.from("dropped")] }))).toBeUndefined();
    for (const text of ["", "ARROW1", "not an Arrow file at all"])
      expect(readFileFacts(Buffer.from(text))).toBeUndefined();
  });

  it("are none when any bit of the footer is another one, and never an error", async () => {
    const bytes = await bytesOf(await writeOpaque([Buffer.from("value")]));
    const footerStart = bytes.length - 18 - bytes.readInt32LE(bytes.length - 10);
    const understood: number[] = [];
    for (let place = footerStart; place < bytes.length; place += 1) {
      bytes[place]! ^= 1 << (place % 8);
      if (readFileFacts(bytes) !== undefined) understood.push(place);
      bytes[place]! ^= 1 << (place % 8);
    }
    expect(understood).toEqual([]);
    expect(readFileFacts(bytes)).toBeDefined();
  });
});
