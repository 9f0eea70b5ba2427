/**
 * Facts read from the last bytes of a file: the same as reading all of it gives, and none where they cannot be trusted.
 */
import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { FileFactsReader } from "../../../src/object/file-facts.ts";
import { readStoredObject } from "../../../src/object/stored-object.ts";
import { encodeClientValue } from "../../support/client-file.ts";
import { goldenTable, type WrittenObject, writeOpaque, writeTable } from "./sample-objects.ts";

async function bytesOf({ file }: WrittenObject): Promise<Buffer> {
  return Buffer.from(await file.read(0, file.sizeBytes));
}

/** The footer and all behind it. */
function endOf(bytes: Buffer): Buffer {
  return bytes.subarray(-18 - bytes.readInt32LE(bytes.length - 10));
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
    expect(new FileFactsReader().read(bytes)).toEqual({ kind, version, rowCount, dataBytes, lifetime });
    const footerBytes = bytes.readInt32LE(bytes.length - 10) + 18;
    expect(new FileFactsReader().read(bytes.subarray(-footerBytes))).toEqual({
      kind,
      version,
      rowCount,
      dataBytes,
      lifetime,
    });
    expect(new FileFactsReader().read(bytes.subarray(1 - footerBytes))).toBeUndefined();
  });

  it("are none for a file that a client wrote, or that is none", () => {
    expect(
      new FileFactsReader().read(encodeClientValue({ cells: [Buffer.from("dropped")] })),
    ).toBeUndefined();
    for (const text of ["", "ARROW1", "not an Arrow file at all"])
      expect(new FileFactsReader().read(Buffer.from(text))).toBeUndefined();
  });

  it("are none when any bit of the footer is another one, and never an error", async () => {
    const bytes = await bytesOf(await writeOpaque([Buffer.from("value")]));
    const footerStart = bytes.length - 18 - bytes.readInt32LE(bytes.length - 10);
    const understood: number[] = [];
    for (let place = footerStart; place < bytes.length; place += 1) {
      bytes[place]! ^= 1 << (place % 8);
      if (new FileFactsReader().read(bytes) !== undefined) understood.push(place);
      bytes[place]! ^= 1 << (place % 8);
    }
    expect(understood).toEqual([]);
    expect(new FileFactsReader().read(bytes)).toBeDefined();
  });

  it("of a footer like one before are the same, whatever the values; of another one they are its own", async () => {
    const reader = new FileFactsReader();
    for (let round = 0; round < 300; round += 1) {
      const [version, sizeBytes] = [1 + (round % 3), 100 + (round % 5)];
      const bytes = await bytesOf(await writeOpaque([randomBytes(sizeBytes)], { version }));
      expect(reader.read(bytes)).toMatchObject({ version, dataBytes: sizeBytes });
    }
  });

  it("are not taken from a footer before when any byte but the digits of a checksum is another one", async () => {
    const reader = new FileFactsReader();
    const bytes = endOf(await bytesOf(await writeOpaque([Buffer.from("value")])));
    const facts = reader.read(bytes);
    const text = bytes.toString("latin1");
    const digits = [...text.matchAll(/[0-9a-f]{8}\0|(?:[0-9]+:[0-9a-f]+,?){3}\0/g)].map(
      ({ index, 0: all }) => {
        return [index, index + all.length - 1] as const;
      },
    );
    expect(digits).toHaveLength(2);
    const other: number[] = [];
    for (let place = 0; place < bytes.length; place += 1) {
      bytes[place]! ^= 1;
      const isDigit = digits.some(([start, end]) => place >= start && place < end);
      if ((reader.read(bytes) === undefined) === isDigit) other.push(place);
      bytes[place]! ^= 1;
    }
    expect(other).toEqual([]);
    expect(reader.read(bytes)).toEqual(facts);
  });
});
