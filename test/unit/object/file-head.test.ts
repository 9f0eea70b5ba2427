/**
 * The head of an object file: one size for both forms, readable as Arrow, and telling who wrote the file.
 */
import { describe, expect, it } from "vitest";
import { readFramedHeader } from "../../../src/arrow/encapsulated.ts";
import {
  CACHE_MARK,
  classifyHead,
  encodeFileHead,
  type FileForm,
  type HeadState,
  headSizeBytes,
} from "../../../src/object/file-head.ts";
import { goldenFile } from "../arrow/golden.ts";

const FORMS = ["file", "stream"] as const;
const SIZES = Array.from({ length: 40 }, (_, index) => 8 * index);

/** What classifyHead says of a file that holds these bytes. */
function classify(bytes: Buffer, form: FileForm): Promise<HeadState> {
  return classifyHead(bytes.subarray(0, 16), form, async (position) =>
    position + 8 <= bytes.length ? bytes.subarray(position, position + 8) : undefined,
  );
}

function schemaOf(sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes, 0x5a);
}

describe("a file's head", () => {
  it.each(FORMS)("of a %s is as long as was said, a multiple of 64, whatever the schema's size", (form) => {
    const heads = SIZES.map((size) => encodeFileHead(schemaOf(size), form));
    expect(heads.map((head) => head.length)).toEqual(SIZES.map(headSizeBytes));
    expect(heads.filter((head) => head.length % 64 !== 0)).toEqual([]);
  });

  it.each([
    ["file", 8],
    ["stream", 0],
  ] as const)("of a %s is an Arrow message frame around the schema", (form, position) => {
    const head = encodeFileHead(schemaOf(200), form);
    const { header, sizeBytes } = readFramedHeader(head, position);
    expect(Buffer.from(header.subarray(0, 200))).toEqual(schemaOf(200));
    expect(position + sizeBytes).toBe(head.length);
  });

  it.each(FORMS)("of a %s ends in the cache's mark", (form) => {
    expect(encodeFileHead(schemaOf(200), form).subarray(-8)).toEqual(CACHE_MARK);
  });
});

describe("telling who wrote a file", () => {
  it.each(FORMS)("a %s of the cache is ours as soon as its head is whole", async (form) => {
    const head = encodeFileHead(schemaOf(200), form);
    expect(await classify(head, form)).toBe("ours");
  });

  it.each(FORMS)("a %s cut inside its head is not whole yet, as far as anyone can tell", async (form) => {
    const head = encodeFileHead(schemaOf(200), form);
    const cuts = Array.from({ length: head.length }, (_, length) => head.subarray(0, length));
    const found = await Promise.all(cuts.map((cut) => classify(cut, form)));
    expect(new Set(found)).toEqual(new Set(["foreign"]));
  });

  it("a file that pyarrow wrote is foreign, whole or cut anywhere", async () => {
    const file = goldenFile("nested");
    const cuts = Array.from({ length: file.length + 1 }, (_, length) => file.subarray(0, length));
    const found = await Promise.all(cuts.map((cut) => classify(cut, "file")));
    expect(new Set(found)).toEqual(new Set(["foreign"]));
  });

  it.each([
    ["padded to 64 bytes, which is not what we do", Buffer.from(`ARROW1${"\0".repeat(58)}`, "latin1")],
    ["padded to 9", Buffer.from("ARROW1\0\0\0\x4b\x07\0\0\x10\0\0", "latin1")],
    ["with a message framed as before Arrow 0.15", Buffer.from("ARROW1\0\0\x80\0\0\0\x10\0\0\0", "latin1")],
  ])("a file whose magic is %s is foreign", async (_, bytes) => {
    expect(await classify(bytes, "file")).toBe("foreign");
  });

  it.each([
    ["text", Buffer.from("this is no Arrow file at all")],
    ["another magic", Buffer.from("ARROW2\0\0\xff\xff\xff\xff\x80\0\0\0", "latin1")],
    ["a negative length", Buffer.from("ARROW1\0\0\xff\xff\xff\xff\xff\xff\xff\xff", "latin1")],
    ["a length without room for anything", Buffer.from("ARROW1\0\0\xff\xff\xff\xff\x04\0\0\0", "latin1")],
  ])("a file that begins with %s is garbage", async (_, bytes) => {
    expect(await classify(bytes, "file")).toBe("garbage");
  });
});
