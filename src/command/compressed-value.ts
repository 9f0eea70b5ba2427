/**
 * Values that were put compressed, as Arrow compresses a buffer: eight bytes of size in front, -1 for "not compressed".
 *
 * zstd is decompressed where Node can (22.15, 23.8 and later); lz4 is not: Node has no decoder for it.
 */
import { pipeline, Readable, type Transform } from "node:stream";
import zlib from "node:zlib";
import { CacheError, isCacheError } from "../errors.ts";
import { ByteReader } from "./byte-reader.ts";

const PREFIX_BYTES = 8;
const PIECE_BYTES = 64 * 1024;
const NOT_COMPRESSED = -1n;

/** Absent from the types of the oldest Node that we run on. */
const { createZstdDecompress } = zlib as { createZstdDecompress?: () => Transform };

/** @throws {CacheError} UNREADABLE_VALUE, INVALID_IPC */
export async function* decompressValue(
  codec: "lz4_frame" | "zstd",
  stored: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const reader = new ByteReader(stored);
  const prefix = await reader.read(PREFIX_BYTES);
  if (prefix.length === 0) return;
  if (prefix.length < PREFIX_BYTES) throw new CacheError("INVALID_IPC", "a compressed value has no size");
  const rest = allOf(reader);
  if (prefix.readBigInt64LE(0) === NOT_COMPRESSED) {
    yield* rest;
    return;
  }
  if (codec !== "zstd" || createZstdDecompress === undefined) {
    const needed = codec === "zstd" ? ": it takes Node 22.15 or later" : "";
    throw new CacheError(
      "UNREADABLE_VALUE",
      `the value was put compressed with ${codec}, which is not read here${needed}`,
    );
  }
  const decompressed = createZstdDecompress();
  try {
    // A failure of either end comes out of the iteration.
    pipeline(Readable.from(rest), decompressed, () => {});
    yield* decompressed;
  } catch (cause) {
    if (isCacheError(cause)) throw cause;
    throw new CacheError("INVALID_IPC", "the compressed value cannot be decompressed", { cause });
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
