/**
 * Copies one file of an object byte for byte, and compares all bytes with the checksum on the way.
 *
 * The file is read once, in order, in pieces. A file of another program has no checksum; only its
 * structure is checked. A damaged file leaves nothing: its sink is discarded.
 */
import { crc32 } from "node:zlib";
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { ByteSink, ByteSource } from "../../object/byte-sink.ts";
import type { FileForm } from "../../object/file-head.ts";
import type { StoredObject } from "../../object/stored-blocks.ts";
import { readStoredObject } from "../../object/stored-object.ts";
import { turnIfDue } from "../../turns.ts";
import type { SourceObject } from "./copy-ends.ts";

/**
 * Copies the base or the patch of this version. @returns what the file says; its source is closed.
 * @throws {CacheError} OBJECT_CORRUPT, CANCELLED, and what the sink throws
 */
export async function copyFile(
  object: SourceObject,
  version: number,
  { sink, signal }: { readonly sink: Pick<ByteSink, "append">; readonly signal: AbortSignal },
): Promise<StoredObject> {
  const form: FileForm | "either" = version === object.baseVersion ? object.form : "either";
  const file = await object.open(version);
  try {
    const stored = await readStoredObject(file, form);
    if (stored === undefined) throw new CacheError("OBJECT_CORRUPT", "the file is incomplete");
    if (stored.isOwn && stored.version !== version)
      throw new CacheError("OBJECT_CORRUPT", `the file of version ${version} says ${stored.version}`);
    if (stored.isOwn && stored.checksum.length === 0)
      throw new CacheError("OBJECT_CORRUPT", "the checksum is missing");
    const { source, checksum } = stored;
    let position = 0;
    for (const { sizeBytes, crc32: sum } of checksum) {
      const found = await copyRange(source, { position, sizeBytes }, { sink, signal });
      if (found !== sum) {
        const text = "the stored bytes do not match their checksum";
        throw new CacheError("OBJECT_CORRUPT", text, { facts: { endsAt: position + sizeBytes } });
      }
      position += sizeBytes;
    }
    await copyRange(source, { position, sizeBytes: source.sizeBytes - position }, { sink, signal });
    return stored;
  } finally {
    file.close();
  }
}

/** @returns the CRC-32 of the bytes. */
async function copyRange(
  source: ByteSource,
  range: { readonly position: number; readonly sizeBytes: number },
  { sink, signal }: { readonly sink: Pick<ByteSink, "append">; readonly signal: AbortSignal },
): Promise<number> {
  let sum = 0;
  const end = range.position + range.sizeBytes;
  for (let position = range.position; position < end; ) {
    if (signal.aborted) throw new CacheError("CANCELLED", "the copy was stopped");
    const piece = await source.read(position, Math.min(LIMITS.readChunkBytes, end - position));
    sum = crc32(piece, sum);
    position += piece.length;
    await sink.append([piece]);
    await turnIfDue();
  }
  return sum;
}
