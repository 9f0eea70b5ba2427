/**
 * What the dashboard shows of a value: recognised by its first bytes, decoded, and capped. Values are hostile.
 */
import { tableFromArrays, tableToIPC } from "@uwdata/flechette";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cellText } from "../../../dashboard/src/preview/cell-text.ts";
import { wholeMessages } from "../../../dashboard/src/preview/flat-table.ts";
import { hexLines } from "../../../dashboard/src/preview/hex-dump.ts";
import { recognise } from "../../../dashboard/src/preview/recognise.ts";
import { previewTable } from "../../../dashboard/src/preview/table-rows.ts";
import { pictureOf, readTensor } from "../../../dashboard/src/preview/tensor.ts";
import { tensorBytes } from "../../support/tensor-bytes.ts";

const tagged = (tag: number, text: string) =>
  Buffer.concat([Buffer.from([0x46, 0x4c, 0x4d, tag]), Buffer.from(text)]);

const TABLE = tableFromArrays({
  id: Int32Array.from({ length: 90 }, (_, row) => row),
  name: Array.from({ length: 90 }, (_, row) => (row % 3 === 0 ? null : `name ${row}`)),
});
const STREAM = tableToIPC(TABLE, {})!;

describe("a value", () => {
  it.each([
    ["tagged JSON", tagged(5, '{"a":[1]}'), "json"],
    ["JSON without a tag", Buffer.from('[1, "<b>"]'), "json"],
    ["text", Buffer.from("hello\n"), "text"],
    ["text that looks like JSON", Buffer.from("{not json"), "text"],
    ["tagged bytes that are text", tagged(6, "plain"), "text"],
    ["a pickle", Buffer.from([0x80, 5, 1, 2]), "pickle"],
    ["a tagged pickle", tagged(0, "x"), "pickle"],
    ["an Arrow stream", STREAM, "stream"],
    ["a tagged Arrow stream", Buffer.concat([tagged(2, ""), STREAM]), "stream"],
    ["a tensor", tensorBytes({ shape: [2, 2], values: [1, 2, 3, 4] }), "tensor"],
    ["bytes", Buffer.from([0, 1, 255]), "binary"],
    ["a tag that nobody knows", tagged(9, "\u0001"), "binary"],
    ["nothing", Buffer.alloc(0), "text"],
  ])("is recognised: %s", (_, bytes, kind) => {
    expect(recognise(bytes, false).kind).toBe(kind);
  });

  it("shows characters that nobody sees, and keeps digits", () => {
    expect(recognise(Buffer.from("a\u202eb\u200bc"), false)).toMatchObject({ text: "a\\u202eb\\u200bc" });
    const digits = '{"id":12345678901234567890}';
    expect(recognise(Buffer.from(digits), false)).toMatchObject({ kind: "json", text: digits });
  });

  it("that is cut inside a character is still text", () => {
    expect(recognise(Buffer.from("äöü").subarray(0, 5), true)).toEqual({ kind: "text", text: "äö" });
  });

  it("of brackets only is not indented without end", () => {
    const deep = "[".repeat(5000) + "]".repeat(5000);
    expect(recognise(Buffer.from(deep), false)).toEqual({ kind: "json", text: deep });
  });

  it("never breaks the page, whatever its bytes are", () => {
    const starts = fc.constantFrom([], [0x46, 0x4c, 0x4d, 1], [0x46, 0x4c, 0x4d, 2], [255, 255, 255, 255]);
    fc.assert(
      fc.property(starts, fc.uint8Array({ maxLength: 300 }), (start, rest) => {
        const bytes = Uint8Array.from([...start, ...rest]);
        expect(recognise(bytes, true).kind).toMatch(/^\w+$/);
      }),
      { numRuns: 500 },
    );
  });

  it("as a hex dump has sixteen bytes a line", () => {
    const lines = hexLines(Buffer.from("0123456789abcdef\n"));
    expect(lines.map(({ offset, text }) => [offset, text])).toEqual([
      ["00000000", "0123456789abcdef"],
      ["00000010", "."],
    ]);
    expect(lines[1]?.pairs.trim()).toBe("0a");
  });
});

describe("a table", () => {
  it("shows its schema and its first rows", () => {
    const { fields, rows } = previewTable(STREAM, 50);
    expect(fields.map(({ name, type }) => [name, type])).toEqual([
      ["id", "int32"],
      ["name", expect.stringMatching(/utf8/)],
    ]);
    expect(rows).toHaveLength(50);
    expect(rows.slice(0, 2)).toEqual([
      ["0", null],
      ["1", "name 1"],
    ]);
  });

  it("that is cut off shows the messages that are complete", () => {
    const cut = STREAM.subarray(0, STREAM.length - 20);
    expect(wholeMessages(cut).length).toBeLessThanOrEqual(cut.length);
    expect(previewTable(cut, 50).fields).toHaveLength(2);
    expect(() => previewTable(STREAM.subarray(0, 20), 50)).toThrow("not complete");
  });

  it("has short cells, whatever is in them", () => {
    const long = Array.from({ length: 100_000 }, (_, index) => index);
    expect(cellText(long, "list<int32>")!.length).toBeLessThan(250);
    expect(cellText("x".repeat(1e6), "utf8")!.length).toBeLessThan(250);
    expect(cellText({ a: { b: { c: { d: { e: 1 } } } } }, "struct")).toBe("{a: {b: {c: {d: …}}}}");
    expect(cellText(new Uint8Array(1000), "binary")).toMatch(/^0{32}… 1000 bytes$/);
    expect(cellText(0, "timestamp[ms]")).toBe("1970-01-01 00:00:00.000");
    expect(cellText(0, "date32")).toBe("1970-01-01");
    expect(cellText(10n ** 30n, "decimal128(38, 0)")).toBe("1000000000000000000000000000000");
  });
});

describe("a tensor", () => {
  it("has its type, its shape and its elements", () => {
    const tensor = readTensor(tensorBytes({ shape: [2, 3], values: [1, 2, 3, 4, 5, 6] }))!;
    expect([tensor.elementType, tensor.shape, tensor.strides]).toEqual(["float32", [2, 3], [12, 4]]);
    expect([0, 4, 20].map((at) => tensor.elementAt(at))).toEqual([1, 2, 6]);
    expect(tensor.elementAt(24)).toBeNaN();
    expect(tensor.elementAt(-4)).toBeNaN();
  });

  it("with two dimensions is a picture from dark to light", () => {
    const picture = pictureOf(readTensor(tensorBytes({ shape: [1, 2], values: [0, 9] }))!, 512)!;
    expect(picture).toMatchObject({ width: 2, height: 1, range: { min: 0, max: 9 }, rows: 1 });
    expect([...picture.pixels]).toEqual([68, 1, 84, 255, 253, 231, 37, 255]);
  });

  it("that is large is sampled, and one that is cut off shows the rows that came", () => {
    const bytes = tensorBytes({ shape: [100, 60], values: Array.from({ length: 6000 }, (_, i) => i) });
    expect(pictureOf(readTensor(bytes)!, 10)).toMatchObject({ width: 6, height: 10 });
    expect(pictureOf(readTensor(bytes.subarray(0, bytes.length - 60 * 4 * 30))!, 512)).toMatchObject({
      rows: 70,
    });
  });

  it("is read or refused, whichever bit of it is wrong", () => {
    const bytes = tensorBytes({ shape: [2, 2], values: [1, 2, 3, 4] });
    for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
      const wrong = Uint8Array.from(bytes);
      wrong[bit >> 3]! ^= 1 << (bit & 7);
      expect(recognise(wrong, false).kind).toMatch(/^(tensor|stream|binary|text|json|pickle)$/);
      const tensor = readTensor(wrong);
      expect(tensor === undefined || (pictureOf(tensor, 16)?.pixels.length ?? 0) <= 4 * 16 * 16).toBe(true);
    }
  });

  it("of other dimensions has no picture", () => {
    expect(pictureOf(readTensor(tensorBytes({ shape: [4], values: [1, 2, 3, 4] }))!, 10)).toBeUndefined();
    expect(pictureOf(readTensor(tensorBytes({ shape: [0, 4], values: [] }))!, 10)).toBeUndefined();
  });
});
