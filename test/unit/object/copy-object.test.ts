/**
 * An object that is written once more holds what it held, compared with its checksum on the way.
 */
import { describe, expect, it } from "vitest";
import { decodeMessage } from "../../../src/arrow/message.ts";
import { encodeRecordBatchMessage, encodeSchemaMessage } from "../../../src/arrow/message-writer.ts";
import { LIMITS } from "../../../src/limits.ts";
import { checkedObject } from "../../../src/object/checked-source.ts";
import { copyObject } from "../../../src/object/copy-object.ts";
import { readPayloadSchema } from "../../../src/object/object-schema.ts";
import { readStoredObject } from "../../../src/object/stored-object.ts";
import { type IpcBatchMessage, TableWriter } from "../../../src/object/table-writer.ts";
import { MemoryBytes } from "./memory-bytes.ts";
import { writeOpaque } from "./sample-objects.ts";

const SCHEMA = encodeSchemaMessage({ fields: [] });
const OBJECT_CORRUPT = expect.objectContaining({ code: "OBJECT_CORRUPT" });
/** Beyond it a source is compared piece by piece. */
const LARGE_BYTES = LIMITS.wholeReadBytesMax + 5;

/** Bodies of these sizes, which the file pads. */
async function table(...bodies: readonly number[]): Promise<MemoryBytes> {
  const file = new MemoryBytes();
  const writer = new TableWriter(file, SCHEMA, readPayloadSchema(SCHEMA));
  writer.keepSchemaAppMetadata(Buffer.from("of the schema"));
  for (const bodySizeBytes of bodies) {
    const header = encodeRecordBatchMessage({ rowCount: 1, nodes: [], buffers: [], bodySizeBytes });
    await writer.beginBatch(header, decodeMessage(header) as IpcBatchMessage);
    await writer.appendBody([Buffer.alloc(bodySizeBytes, 7)]);
    writer.endBatch(Buffer.from(`of ${bodySizeBytes}`));
  }
  await writer.finish(3);
  return file;
}

async function copyOf(file: MemoryBytes): Promise<{ copy: MemoryBytes; isChecked: boolean }> {
  const stored = (await readStoredObject(file, "either"))!;
  let isChecked = false;
  const object = await checkedObject(stored, () => {
    isChecked = true;
  });
  const copy = new MemoryBytes();
  const writer = await copyObject(object, copy);
  await writer.finish(stored.version);
  return { copy, isChecked };
}

describe("a copy of an object of ours", () => {
  it.each([
    ["a table whose bodies are padded", () => table(13, 0, 64, 1)],
    ["a large table whose bodies are padded", () => table(13, LARGE_BYTES, 3)],
    ["a value", async () => (await writeOpaque([Buffer.alloc(1000, 7)], { version: 3 })).file],
    ["a large value", async () => (await writeOpaque([Buffer.alloc(LARGE_BYTES, 7)], { version: 3 })).file],
  ])("is the same file, and was compared with its checksum: %s", async (_, make) => {
    const file = await make();
    const { copy, isChecked } = await copyOf(file);
    expect(copy.bytes.equals(file.bytes)).toBe(true);
    expect(isChecked).toBe(true);
  });

  it("is not made of bytes that are not those that were written", async () => {
    const file = await table(13, LARGE_BYTES, 3);
    file.bytes[LARGE_BYTES]! ^= 1;
    await expect(copyOf(file)).rejects.toThrow(OBJECT_CORRUPT);
  });
});
