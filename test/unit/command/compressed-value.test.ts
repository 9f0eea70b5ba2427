import zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import { ByteReader } from "../../../src/command/byte-reader.ts";
import { type Codec, decompressBuffer } from "../../../src/command/compressed-value.ts";

const { zstdCompressSync } = zlib as { zstdCompressSync?: (bytes: Uint8Array) => Buffer };
/** "abc" as a stored block of an lz4 frame. */
const LZ4 = Buffer.from("04224d18604082" + "03000080" + "616263" + "00000000", "hex");

/** A buffer as Arrow stores it: the size it says, then the bytes. */
function stored(said: number, bytes: Uint8Array): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigInt64LE(BigInt(said));
  return Buffer.concat([size, bytes]);
}

async function decompressed(codec: Codec, whole: Buffer): Promise<string> {
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let from = 0; from < whole.length; from += 5) yield whole.subarray(from, from + 5);
  }
  let text = "";
  for await (const piece of decompressBuffer(codec, chunks())) text += piece.toString();
  return text;
}

describe("a compressed buffer", () => {
  it("is decompressed from lz4, as it is where it says that it is not compressed, and may be empty", async () => {
    expect(await decompressed("lz4_frame", stored(3, LZ4))).toBe("abc");
    expect(await decompressed("zstd", stored(-1, Buffer.from("plain bytes")))).toBe("plain bytes");
    expect(await decompressed("zstd", Buffer.alloc(0))).toBe("");
  });

  it.each([
    ["shorter than it says", stored(4, LZ4)],
    ["longer than it says", stored(2, LZ4)],
    ["cut in its size", Buffer.alloc(7)],
    ["cut in its frame", stored(3, LZ4.subarray(0, 12))],
  ])("is refused when it is %s", async (_name, whole) => {
    await expect(decompressed("lz4_frame", whole)).rejects.toMatchObject({ code: "INVALID_IPC" });
  });

  it("that claims a terabyte is decompressed no further than somebody reads", async () => {
    const block = Buffer.concat([
      Buffer.from("1f7a0100", "hex"),
      Buffer.alloc(256, 255),
      Buffer.from("0000", "hex"),
    ]);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(block.length);
    let taken = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      yield stored(2 ** 40, LZ4.subarray(0, 7));
      for (; ; taken += 1) yield Buffer.concat([size, block]);
    }
    const start = await new ByteReader(decompressBuffer("lz4_frame", endless())).peek(1024 * 1024);
    expect(start.equals(Buffer.alloc(1024 * 1024, "z"))).toBe(true);
    expect(taken).toBeLessThan(20);
  });

  it.skipIf(zstdCompressSync === undefined)(
    "is decompressed from zstd where Node can, and refused when malformed",
    async () => {
      const text = "some text ".repeat(10_000);
      const bytes = zstdCompressSync?.(Buffer.from(text)) ?? Buffer.alloc(0);
      expect(await decompressed("zstd", stored(text.length, bytes))).toBe(text);
      const damaged = decompressed("zstd", stored(text.length, Buffer.from("no zstd at all")));
      await expect(damaged).rejects.toMatchObject({ code: "INVALID_IPC" });
    },
  );

  it.skipIf(zstdCompressSync !== undefined)(
    "is refused by name when it is zstd and Node cannot",
    async () => {
      const reading = decompressed("zstd", stored(3, Buffer.from("x")));
      await expect(reading).rejects.toMatchObject({ code: "UNREADABLE_VALUE", message: /Node 22\.15/ });
    },
  );
});
