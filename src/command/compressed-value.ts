/**
 * Bytes that were compressed as Arrow compresses a buffer: eight bytes of size in front, -1 for "not compressed".
 *
 * lz4 is decoded here, zstd where Node can: from 22.15 on. Streams through, in pieces.
 */
import { pipeline, Readable, type Transform } from "node:stream";
import zlib from "node:zlib";
import { CacheError, isCacheError } from "../errors.ts";
import { ByteReader } from "./byte-reader.ts";
import { decodeLz4Frame } from "./lz4-frame.ts";

const PREFIX_BYTES = 8;
const PIECE_BYTES = 64 * 1024;
const NOT_COMPRESSED = -1n;

export type Codec = "lz4_frame" | "zstd";

/** Absent from the types of the oldest Node that we run on. */
const { createZstdDecompress } = zlib as { createZstdDecompress?: () => Transform };

/** @param stored a whole buffer, its size in front. @throws {CacheError} UNREADABLE_VALUE, INVALID_IPC */
export async function* decompressBuffer(codec: Codec, stored: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const reader = new ByteReader(stored);
  const prefix = await reader.read(PREFIX_BYTES);
  if (prefix.length === 0) return;
  if (prefix.length < PREFIX_BYTES) throw new CacheError("INVALID_IPC", "a compressed buffer has no size");
  const said = prefix.readBigInt64LE(0);
  const bytes =
    said === NOT_COMPRESSED
      ? allOf(reader)
      : codec === "lz4_frame"
        ? decodeLz4Frame(reader)
        : decodeZstd(reader);
  let sizeBytes = 0n;
  for await (const piece of bytes) {
    sizeBytes += BigInt(piece.length);
    if (said !== NOT_COMPRESSED && sizeBytes > said) break;
    yield piece;
  }
  if (said !== NOT_COMPRESSED && sizeBytes !== said) {
    throw new CacheError("INVALID_IPC", "a compressed buffer is not of the size it says");
  }
}

async function* decodeZstd(reader: ByteReader): AsyncGenerator<Buffer> {
  if (createZstdDecompress === undefined) {
    throw new CacheError(
      "UNREADABLE_VALUE",
      "it is compressed with zstd, which takes Node 22.15 or later to read",
    );
  }
  const decompressed = createZstdDecompress();
  try {
    // A failure of either end comes out of the iteration.
    pipeline(Readable.from(allOf(reader)), decompressed, () => {});
    yield* decompressed;
  } catch (cause) {
    if (isCacheError(cause)) throw cause;
    throw new CacheError("INVALID_IPC", "the zstd bytes are malformed", { cause });
  }
}

async function* allOf(reader: ByteReader): AsyncGenerator<Buffer> {
  for (
    let piece = await reader.next(PIECE_BYTES);
    piece !== undefined;
    piece = await reader.next(PIECE_BYTES)
  ) {
    yield piece;
  }
}
