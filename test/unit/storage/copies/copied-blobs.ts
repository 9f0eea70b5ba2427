/**
 * Blobs of a store that counts what it sends, and local copies of them.
 */
import { once } from "node:events";
import { crc32 } from "node:zlib";
import { onTestFinished } from "vitest";
import { CacheError } from "../../../../src/errors.ts";
import { LruPolicy } from "../../../../src/eviction/lru-policy.ts";
import { LocalCopies, type LocalCopiesOptions } from "../../../../src/storage/copies/local-copies.ts";
import { RangeMemory } from "../../../../src/storage/s3/blob-ranges.ts";
import { BlobReader, type FetchRange } from "../../../../src/storage/s3/blob-reader.ts";
import type { BlobSpan } from "../../../../src/storage/s3/blobs.ts";
import { patternBytes } from "../scratch-directory.ts";

export const KIB = 1024;
export const MIB = 1024 * KIB;

export class SentBlob {
  readonly bytes: Buffer;
  readonly span: BlobSpan;
  readonly name: string;
  requests = 0;
  sentBytes = 0;
  /** The next requests fail. */
  isDown = false;
  /** Each request waits for it. */
  gate: Promise<unknown> = Promise.resolve();

  constructor(sizeBytes: number, seed = 1) {
    this.bytes = patternBytes(sizeBytes, seed);
    this.name = `d/app/session/object/${seed}`;
    this.span = { kind: "blob", id: `${seed}`, sizeBytes, crc32: crc32(this.bytes) };
  }

  reader(copies?: LocalCopies, memory = new RangeMemory()): BlobReader {
    return new BlobReader(this.span, this.name, this.#fetch, { memory, copies });
  }

  readonly #fetch: FetchRange = async (position, lengthBytes, signal) => {
    this.requests += 1;
    const answered = new AbortController();
    const cut = once(signal, "abort", { signal: answered.signal });
    if (!signal.aborted) await Promise.race([this.gate, cut]).finally(() => answered.abort());
    if (signal.aborted) throw new CacheError("CANCELLED");
    if (this.isDown) throw new CacheError("STORAGE_UNAVAILABLE");
    this.sentBytes += lengthBytes;
    return Buffer.from(this.bytes.subarray(position, position + lengthBytes));
  };
}

/** Started and scanned; stopped with the test unless before. */
export async function openCopies(
  options: Pick<LocalCopiesOptions, "directory"> & Partial<LocalCopiesOptions>,
): Promise<LocalCopies> {
  const copies = new LocalCopies({ bytesMax: 64 * MIB, policy: new LruPolicy(), ...options });
  await copies.start();
  onTestFinished(() => copies.stop());
  await copies.scanned();
  return copies;
}

/** All bytes in order, in pieces of odd sizes. */
export async function readAll(reader: BlobReader, sizeBytes: number, pieceBytes = 300_007): Promise<Buffer> {
  const pieces: Buffer[] = [];
  try {
    for (let position = 0; position < sizeBytes; position += pieceBytes) {
      const piece = await reader.read(position, Math.min(pieceBytes, sizeBytes - position));
      pieces.push(Buffer.from(piece));
      reader.giveBack(piece);
    }
  } finally {
    reader.close(true);
  }
  return Buffer.concat(pieces);
}

/** A whole get of a blob; the copy, if one is made, is whole as well. */
export async function get(blob: SentBlob, copies: LocalCopies): Promise<Buffer> {
  const bytes = await readAll(blob.reader(copies), blob.span.sizeBytes);
  await copies.idle();
  return bytes;
}
