/**
 * Object files as clients write them straight into the storage directory: plain Arrow IPC files, nothing of the cache in them.
 */
import type { Block } from "../../src/arrow/block-list.ts";
import { frameHeader, ZERO_PADDING } from "../../src/arrow/encapsulated.ts";
import { encodeFooter, FILE_MAGIC } from "../../src/arrow/footer.ts";
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
