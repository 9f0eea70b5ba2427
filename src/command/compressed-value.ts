/**
 * Decompresses an Arrow buffer: eight bytes of size, where -1 means "not compressed", then the
 * data.
 *
 * lz4 is decoded here, zstd by Node from 22.15 on. Streams in pieces.
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

/** Absent from the types of the oldest supported Node. */
const { createZstdDecompress } = zlib as { createZstdDecompress?: () => Transform };

/**
 * @param stored a whole buffer with its size prefix.
 * @throws {CacheError} UNREADABLE_VALUE, INVALID_IPC
 */
export async function* decompressBuffer(codec: Codec, stored: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const reader = new ByteReader(stored);
  const prefix = await reader.read(PREFIX_BYTES);
  if (prefix.length === 0) return;
  if (prefix.length < PREFIX_BYTES)
    throw new CacheError("INVALID_IPC", "a compressed buffer has no size prefix");
  const declaredBytes = prefix.readBigInt64LE(0);
  const bytes =
    declaredBytes === NOT_COMPRESSED
      ? allOf(reader)
      : codec === "lz4_frame"
        ? decodeLz4Frame(reader)
        : decodeZstd(reader);
  let sizeBytes = 0n;
  for await (const piece of bytes) {
    sizeBytes += BigInt(piece.length);
    if (declaredBytes !== NOT_COMPRESSED && sizeBytes > declaredBytes) break;
    yield piece;
  }
  if (declaredBytes !== NOT_COMPRESSED && sizeBytes !== declaredBytes) {
    throw new CacheError(
      "INVALID_IPC",
      "a compressed buffer does not have the size that its prefix declares",
    );
  }
}

async function* decodeZstd(reader: ByteReader): AsyncGenerator<Buffer> {
  if (createZstdDecompress === undefined) {
    throw new CacheError(
      "UNREADABLE_VALUE",
      "the value is compressed with zstd: reading it needs Node 22.15 or later",
    );
  }
  const decompressed = createZstdDecompress();
  try {
    // The iteration throws the error of either stream.
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
