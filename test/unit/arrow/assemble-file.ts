/**
 * Turns a stream into a file with the pieces of src/arrow, as the server does: messages re-framed, then a footer.
 */
import type { Block } from "../../../src/arrow/block-list.ts";
import { frameHeader, ZERO_PADDING } from "../../../src/arrow/encapsulated.ts";
import { encodeFooter, FILE_MAGIC } from "../../../src/arrow/footer.ts";
import type { SchemaMetadata } from "../../../src/arrow/key-values.ts";
import { splitStream } from "./golden.ts";

export interface AssembledFile {
  readonly bytes: Buffer;
  readonly dictionaries: Block[];
  readonly recordBatches: Block[];
}

export function assembleFile(stream: Buffer, metadata: SchemaMetadata): AssembledFile {
  const parts: Uint8Array[] = [FILE_MAGIC];
  let position = FILE_MAGIC.length;
  const blocks: Record<"schema" | "dictionaryBatch" | "recordBatch", Block[]> = {
    schema: [],
    dictionaryBatch: [],
    recordBatch: [],
  };
  const messages = splitStream(stream);
  for (const { header, body, message } of messages) {
    const framed = frameHeader(header, position, 64);
    const metadataSizeBytes = framed.prefix.length + header.length + framed.paddingSizeBytes;
    parts.push(framed.prefix, framed.header, ZERO_PADDING.subarray(0, framed.paddingSizeBytes), body);
    blocks[message.kind].push({ position, metadataSizeBytes, bodySizeBytes: body.length });
    position += metadataSizeBytes + body.length;
  }
  const { dictionaryBatch: dictionaries, recordBatch: recordBatches } = blocks;
  const schemaHeader = messages[0]!.header;
  parts.push(encodeFooter({ schemaHeader, dictionaries, recordBatches, metadata }, position));
  return { bytes: Buffer.concat(parts), dictionaries, recordBatches };
}
