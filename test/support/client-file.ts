/**
 * Object files as clients write them straight into the storage directory: plain Arrow IPC files, nothing of the cache in them.
 */
import type { Block } from "../../src/arrow/block-list.ts";
import { frameHeader, ZERO_PADDING } from "../../src/arrow/encapsulated.ts";
import { decodeFooter, encodeFooter, FILE_MAGIC, footerSizeBytes } from "../../src/arrow/footer.ts";
import { CLIENT_OPAQUE_SCHEMA, encodeOpaqueBatch, type IpcParts, type OpaqueBatch } from "./opaque-batch.ts";

/** Any messages, as record batches. `claim` changes what the footer says of a block. */
export function encodeClientFile(
  schemaHeader: Uint8Array,
  batches: readonly IpcParts[],
  claim: (block: Block) => Block = (block) => block,
): Buffer {
  const parts: Uint8Array[] = [FILE_MAGIC];
  let position = FILE_MAGIC.length;
  const add = (header: Uint8Array, body: Uint8Array): Block => {
    const frame = frameHeader(header, position, 8);
    parts.push(frame.prefix, header, ZERO_PADDING.subarray(0, frame.paddingSizeBytes), body);
    const metadataSizeBytes = frame.prefix.length + header.length + frame.paddingSizeBytes;
    const block = { position, metadataSizeBytes, bodySizeBytes: body.length };
    position += metadataSizeBytes + body.length;
    return block;
  };
  add(schemaHeader, new Uint8Array(0));
  const recordBatches = batches.map(({ header, body }) => claim(add(header, body)));
  parts.push(encodeFooter({ schemaHeader, dictionaries: [], recordBatches, metadata: [] }, position));
  return Buffer.concat(parts);
}

/** An opaque value as both generations of clients write it: nullable fields, version cell 0. */
export function encodeClientValue(...batches: readonly OpaqueBatch[]): Buffer {
  return encodeClientFile(CLIENT_OPAQUE_SCHEMA, batches.map(encodeOpaqueBatch));
}

/** The same file with its magic padded to this many bytes: every position changes. */
export function withMagicOf(file: Buffer, magicBytes: number): Buffer {
  const padded = Buffer.concat([FILE_MAGIC.subarray(0, 6), Buffer.alloc(magicBytes - 6), file.subarray(8)]);
  const { dictionaries, recordBatches } = decodeFooter(file, file.length);
  const footerStart = padded.length - footerSizeBytes(file);
  for (const { position, metadataSizeBytes } of [...dictionaries, ...recordBatches]) {
    const place = Buffer.alloc(12);
    place.writeBigInt64LE(BigInt(position), 0);
    place.writeInt32LE(metadataSizeBytes, 8);
    padded.writeBigInt64LE(BigInt(position + magicBytes - 8), padded.indexOf(place, footerStart));
  }
  return padded;
}

/** The same file without the end of the stream before its footer, as some writers leave it. */
export function withoutEndOfStream(file: Buffer): Buffer {
  const footerStart = file.length - footerSizeBytes(file);
  return Buffer.concat([file.subarray(0, footerStart - 8), file.subarray(footerStart)]);
}
