import { describe, expect, it } from "vitest";
import { decodeMessage } from "../../../src/arrow/message.ts";
import { encodeRecordBatchMessage } from "../../../src/arrow/message-writer.ts";
import { rowHeadSizeBytes } from "../../../src/command/opaque-answer.ts";
import { LIMITS } from "../../../src/limits.ts";

/** A row of version, kind and data whose version cell begins at `offset`. */
function batchWithVersionAt(offset: number) {
  const none = { offset: 0, sizeBytes: 0 };
  const eight = { offset: 0, sizeBytes: 8 };
  const node = { length: 1, nullCount: 0 };
  const header = encodeRecordBatchMessage({
    rowCount: 1,
    nodes: [node, node, node],
    buffers: [none, { offset, sizeBytes: 8 }, none, eight, eight, none, eight, eight],
    bodySizeBytes: offset + 8,
  });
  const message = decodeMessage(header);
  if (message.kind !== "recordBatch") throw new Error("a record batch was written");
  return message.batch;
}

describe("the head of an opaque row", () => {
  it("reaches to the end of its version and kind", () => {
    expect(rowHeadSizeBytes(batchWithVersionAt(64))).toBe(72);
  });

  it("is refused when it would be more than a client collects", () => {
    const farthest = LIMITS.opaqueFrontBytesMax - 8;
    expect(rowHeadSizeBytes(batchWithVersionAt(farthest))).toBe(LIMITS.opaqueFrontBytesMax);
    expect(() => rowHeadSizeBytes(batchWithVersionAt(farthest + 8))).toThrow(/^\[INVALID_IPC\]/);
  });
});
