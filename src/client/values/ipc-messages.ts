/**
 * Splits IPC streams and files into their messages, and frames messages as parts of a stream.
 *
 * Bodies are views of the given bytes and are never decoded. The messages of a file keep their
 * order in the file, so dictionaries precede record batches as in a stream.
 * Source: Arrow format, "IPC Streaming Format" and "IPC File Format".
 */
import { END_OF_STREAM, frameHeader, readFramedHeader, ZERO_PADDING } from "../../arrow/encapsulated.ts";
import { FlatbufferReader } from "../../arrow/flatbuffer-reader.ts";
import { FlatbufferWriter, int16, int64, OFFSET, uint8 } from "../../arrow/flatbuffer-writer.ts";
import { decodeFooter, FILE_MAGIC, footerSizeBytes } from "../../arrow/footer.ts";
import { decodeMessage } from "../../arrow/message.ts";
import { decodeSchema } from "../../arrow/schema.ts";
import { FOOTER, HEADER_TYPE, MESSAGE, METADATA_V5 } from "../../arrow/slots.ts";
import { CacheError } from "../../errors.ts";
import { blocksInOrder } from "../../object/stored-blocks.ts";

/** A dictionary or record batch: a bare Message flatbuffer, maybe padded, and its body as sent. */
export interface IpcBatch {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/** A table as messages. */
export interface IpcMessages {
  readonly schemaHeader: Uint8Array;
  readonly batches: readonly IpcBatch[];
}

/**
 * @param bytes a stream or a file; the messages are views of it.
 * @throws {CacheError} INVALID_IPC
 */
export function splitIpc(bytes: Uint8Array): IpcMessages {
  const magic = FILE_MAGIC.subarray(0, 6);
  return magic.equals(bytes.subarray(0, magic.length)) ? splitFile(bytes) : splitStream(bytes);
}

function splitStream(bytes: Uint8Array): IpcMessages {
  const batches: IpcBatch[] = [];
  let schemaHeader: Uint8Array | undefined;
  for (let position = 0; position < bytes.byteLength; ) {
    const { header, sizeBytes } = readFramedHeader(bytes, position);
    position += sizeBytes;
    if (header.byteLength === 0) break;
    if (schemaHeader === undefined) {
      decodeSchema(header);
      schemaHeader = header;
      continue;
    }
    const batch = readBatch(bytes, position, header);
    batches.push(batch);
    position += batch.body.byteLength;
  }
  if (schemaHeader === undefined) throw new CacheError("INVALID_IPC", "the table has no schema");
  return { schemaHeader, batches };
}

function splitFile(bytes: Uint8Array): IpcMessages {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const footer = decodeFooter(file, file.length);
  const schemaHeader = schemaOfFooter(file.subarray(-footerSizeBytes(file), -FOOTER_TRAILER_BYTES));
  decodeSchema(schemaHeader);
  const batches = Array.from(blocksInOrder(footer), (block) => {
    const { header } = readFramedHeader(bytes, block.position);
    return readBatch(bytes, block.position + block.metadataSizeBytes, header);
  });
  return { schemaHeader, batches };
}

/** The footer's size and the magic after it. */
const FOOTER_TRAILER_BYTES = 10;

/**
 * A Schema message that contains the Schema table of a footer: some writers put no schema message
 * at the start of a file. Offsets of the new front point forward into the old bytes, as in
 * arrow/schema-metadata.ts.
 */
function schemaOfFooter(footer: Uint8Array): Buffer {
  const schema = new FlatbufferReader(footer).root().table(FOOTER.schema);
  if (schema === undefined) throw new CacheError("INVALID_IPC", "the footer has no schema");
  const writer = new FlatbufferWriter(footer.byteLength + 64);
  const message = writer.table([int16(METADATA_V5), uint8(HEADER_TYPE.schema), OFFSET, int64(0)]);
  writer.link(0, message.position);
  writer.align(8);
  const embedded = writer.bytes(footer);
  writer.link(message.slots[MESSAGE.header]!, embedded + schema.position);
  writer.align(8);
  return writer.finish();
}

function readBatch(bytes: Uint8Array, position: number, header: Uint8Array): IpcBatch {
  const message = decodeMessage(header);
  if (message.kind === "schema") throw new CacheError("INVALID_IPC", "the table has a second schema");
  const end = position + message.bodySizeBytes;
  if (end > bytes.byteLength) throw new CacheError("INVALID_IPC", "the table ends within a batch");
  return { header, body: bytes.subarray(position, end) };
}

const BODY_ALIGNMENT = 8;

/** Frames a schema message as the first part of a stream; a copy. */
export function frameSchema(schemaHeader: Uint8Array): Uint8Array {
  return frameMessage(schemaHeader, 0).part;
}

/** The end-of-stream marker. */
export function streamEnd(): Uint8Array {
  return new Uint8Array(END_OF_STREAM);
}

/**
 * One part of a stream, with space for the body, which the caller fills.
 * New memory whose address is a multiple of 8; the padding after the body is zero.
 */
export function frameMessage(
  header: Uint8Array,
  bodySizeBytes: number,
): { readonly part: Uint8Array; readonly body: Uint8Array } {
  const frame = frameHeader(header, 0, BODY_ALIGNMENT);
  const bodyStart = frame.prefix.length + header.byteLength + frame.paddingSizeBytes;
  const paddedBodyBytes = Math.ceil(bodySizeBytes / BODY_ALIGNMENT) * BODY_ALIGNMENT;
  const part = Buffer.allocUnsafeSlow(bodyStart + paddedBodyBytes);
  part.set(frame.prefix, 0);
  part.set(header, frame.prefix.length);
  part.set(ZERO_PADDING.subarray(0, frame.paddingSizeBytes), bodyStart - frame.paddingSizeBytes);
  part.fill(0, bodyStart + bodySizeBytes);
  return { part, body: part.subarray(bodyStart, bodyStart + bodySizeBytes) };
}

/** The same part as views, to be sent in order. */
export function frameViews(header: Uint8Array, body: Uint8Array): Uint8Array[] {
  const { prefix, paddingSizeBytes } = frameHeader(header, 0, BODY_ALIGNMENT);
  const bodyPaddingBytes = Math.ceil(body.byteLength / BODY_ALIGNMENT) * BODY_ALIGNMENT - body.byteLength;
  const zeros = (sizeBytes: number): Uint8Array => ZERO_PADDING.subarray(0, sizeBytes);
  return [prefix, header, zeros(paddingSizeBytes), body, zeros(bodyPaddingBytes)];
}
