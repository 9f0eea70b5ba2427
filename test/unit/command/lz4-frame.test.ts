import { describe, expect, it } from "vitest";
import { ByteReader } from "../../../src/command/byte-reader.ts";
import { decodeLz4Frame, decodeWholeLz4Frame } from "../../../src/command/lz4-frame.ts";
import { goldenStream, splitStream } from "../arrow/golden.ts";

const HEAD = Buffer.from("04224d18604082", "hex");
const END = Buffer.alloc(4);
const STORED = 0x80000000;

/** A frame of blocks of at most 64 KiB, each a size and its bytes. */
function frame(...blocks: readonly { bytes: Buffer; isStored?: boolean }[]): Buffer {
  const parts = blocks.flatMap(({ bytes, isStored = false }) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(bytes.length + (isStored ? STORED : 0));
    return [size, bytes];
  });
  return Buffer.concat([HEAD, ...parts, END]);
}

const bytes = (...values: (number | string)[]): Buffer =>
  Buffer.concat(values.map((value) => (typeof value === "number" ? Buffer.of(value) : Buffer.from(value))));

async function* chunked(whole: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let from = 0; from < whole.length; from += size) yield whole.subarray(from, from + size);
}

async function streamed(whole: Buffer, size = 3): Promise<string> {
  let text = "";
  for await (const piece of decodeLz4Frame(new ByteReader(chunked(whole, size))))
    text += piece.toString("latin1");
  return text;
}

describe("an lz4 frame", () => {
  it.each([
    ["literals", bytes(0x30, "abc"), "abc"],
    ["a match that repeats its own beginning", bytes(0x14, "a", 1, 0, 0x10, "b"), `${"a".repeat(9)}b`],
    ["a match behind others", bytes(0x40, "abcd", 4, 0, 0x00), "abcdabcd"],
    ["long literals", bytes(0xf0, 5, "x".repeat(20)), "x".repeat(20)],
    ["a long match", bytes(0x1f, "z", 1, 0, 255, 2, 0x00), "z".repeat(1 + 15 + 257 + 4)],
  ])("decodes %s", async (_name, block, expected) => {
    expect(await streamed(frame({ bytes: block }))).toBe(expected);
    expect(Buffer.from(decodeWholeLz4Frame(frame({ bytes: block }), expected.length)).toString()).toBe(
      expected,
    );
  });

  it("decodes blocks that are stored as they are, and matches into blocks before", async () => {
    const whole = frame(
      { bytes: Buffer.from("abcdef"), isStored: true },
      { bytes: bytes(0x02, 6, 0, 0x10, "!") },
    );
    expect(await streamed(whole)).toBe("abcdefabcdef!");
  });

  it("forgets what lies more than 64 KiB back, and no less", async () => {
    const far = Buffer.alloc(65_535, "y");
    far.write("start");
    const whole = frame({ bytes: far, isStored: true }, { bytes: bytes(0x01, 0xff, 0xff, 0x00) });
    expect((await streamed(whole, 1000)).slice(-5)).toBe("start");
  });

  it("decodes what pyarrow compressed", () => {
    const [, batch] = splitStream(goldenStream("lz4"));
    const { message, body } = batch as {
      message: { batch: { buffers(): { offset: number; sizeBytes: number }[] } };
      body: Buffer;
    };
    const [, numbers] = message.batch.buffers();
    const buffer = body.subarray(numbers!.offset, numbers!.offset + numbers!.sizeBytes);
    const size = Number(buffer.readBigInt64LE(0));
    const decoded = Buffer.from(decodeWholeLz4Frame(buffer.subarray(8), size));
    expect(Array.from({ length: size / 8 }, (_, row) => Number(decoded.readBigInt64LE(8 * row)))).toEqual(
      Array.from({ length: 500 }, (_, row) => row),
    );
  });

  it("is refused wherever it is cut, and never runs on", async () => {
    const whole = frame(
      { bytes: bytes(0x14, "a", 1, 0, 0x10, "b") },
      { bytes: Buffer.from("abc"), isStored: true },
    );
    for (let length = 0; length < whole.length; length += 1) {
      await expect(streamed(whole.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({
        code: "INVALID_IPC",
      });
    }
  });

  it.each([
    ["a match before the beginning", frame({ bytes: bytes(0x10, "a", 2, 0, 0x00) })],
    ["an offset of zero", frame({ bytes: bytes(0x10, "a", 0, 0, 0x00) })],
    ["a block that is too large", Buffer.concat([HEAD, bytes(1, 0, 1, 0)])],
    [
      "more output than a block may have",
      frame({
        bytes: bytes(0x1f, "z", 1, 0, ...new Array<number>(600).fill(255), 0),
      }),
    ],
    ["another magic", bytes("not a frame at all")],
    ["a dictionary", Buffer.concat([Buffer.from("04224d186140", "hex"), Buffer.alloc(20)])],
    ["an unknown block size", Buffer.concat([Buffer.from("04224d186000", "hex"), Buffer.alloc(20)])],
  ])("is refused: %s", async (_name, whole) => {
    await expect(streamed(whole)).rejects.toMatchObject({ code: "INVALID_IPC" });
  });

  it("is refused when it is not of the size that was said", () => {
    const whole = frame({ bytes: bytes(0x30, "abc") });
    expect(() => decodeWholeLz4Frame(whole, 2)).toThrow("INVALID_IPC");
    expect(() => decodeWholeLz4Frame(whole, 4)).toThrow("INVALID_IPC");
  });

  it("is refused before memory is taken when it cannot be of the size that was said", () => {
    const whole = frame({ bytes: bytes(0x30, "abc") });
    expect(() => decodeWholeLz4Frame(whole, 2 ** 40)).toThrow("too short for its declared size");
    expect(() => decodeWholeLz4Frame(whole, 255 * whole.length + 1)).toThrow(
      "too short for its declared size",
    );
  });

  it("decodes damaged bytes to something or refuses them, for every flipped bit", async () => {
    const whole = frame({ bytes: bytes(0x44, "abcd", 4, 0, 0x10, "e") });
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const damaged = Buffer.from(whole);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      await streamed(damaged).catch((error: unknown) => expect(error).toMatchObject({ code: "INVALID_IPC" }));
    }
  });
});
