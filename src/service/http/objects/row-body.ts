/**
 * An opaque value as an Arrow IPC stream `{version, data}`: one row for the base and one for each
 * patch, as DoGet sends it.
 *
 * Put again as an Arrow stream, it becomes the same value: type tags and compression are kept.
 */
import { END_OF_STREAM, frameHeader, ZERO_PADDING } from "../../../arrow/encapsulated.ts";
import { OPAQUE_SCHEMA_HEADER } from "../../../object/object-schema.ts";
import { encodeWireRow } from "../../../object/opaque-row.ts";
import type { ByteRange, StoredObject } from "../../../object/stored-blocks.ts";
import { turnIfDue } from "../../../turns.ts";
import { wireRows } from "../../value-rows.ts";
import type { BodyWriter } from "../body-writer.ts";
import { ARROW_STREAM } from "../media-types.ts";
import { type BodyRequest, isPatched, type ObjectBody } from "./object-body.ts";

const SCHEMA = framed(OPAQUE_SCHEMA_HEADER);

export function rowBody({ opened }: BodyRequest): ObjectBody {
  const { reading, base } = opened;
  const sizeBytes = isPatched(opened) ? undefined : streamBytes(base, reading.baseVersion);
  return {
    mediaType: ARROW_STREAM,
    sizeBytes,
    async send(writer) {
      await writer.send(SCHEMA);
      await sendRows(base, reading.baseVersion, writer);
      for (const version of reading.patchesAfter(reading.baseVersion)) {
        await reading.withPatch(version, (patch) => sendRows(patch, version, writer));
        await turnIfDue();
      }
      await writer.send(END_OF_STREAM);
    },
  };
}

/** A row without its data. */
interface RowFrame {
  readonly front: Buffer;
  readonly data: readonly ByteRange[];
  readonly padding: Buffer;
}

function* framesOf(object: StoredObject, version: number): Generator<RowFrame> {
  for (const data of wireRows(object)) {
    const dataSizeBytes = data.reduce((sum, range) => sum + range.sizeBytes, 0);
    const row = encodeWireRow({ version, dataSizeBytes, codec: object.codec });
    const front = Buffer.concat([framed(row.header), row.bodyFront]);
    // A body ends at a multiple of 8, as every reader of streams expects.
    yield { front, data, padding: ZERO_PADDING.subarray(0, row.paddingSizeBytes) };
  }
}

async function sendRows(object: StoredObject, version: number, writer: BodyWriter): Promise<void> {
  for (const { front, data, padding } of framesOf(object, version)) {
    await writer.send(front);
    for (const range of data) await writer.sendRange(object.source, range);
    await writer.send(padding);
  }
}

function streamBytes(base: StoredObject, version: number): number {
  let sizeBytes = SCHEMA.length + END_OF_STREAM.length + base.dataBytes;
  for (const { front, padding } of framesOf(base, version)) sizeBytes += front.length + padding.length;
  return sizeBytes;
}

function framed(header: Uint8Array): Buffer {
  const { prefix, paddingSizeBytes } = frameHeader(header, 0, 8);
  return Buffer.concat([prefix, header, ZERO_PADDING.subarray(0, paddingSizeBytes)]);
}
