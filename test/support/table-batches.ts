/**
 * Tables made in a test: one column of random uint64, each batch of the size that is asked for, its body 4 bytes longer, so that
 * it has to be padded in a file.
 */
import { randomBytes } from "node:crypto";
import { encodeRecordBatchMessage, encodeSchemaMessage } from "../../src/arrow/message-writer.ts";
import { putMessages } from "./flight-messages.ts";

const SCHEMA = encodeSchemaMessage({ fields: [{ name: "n", type: "uint64", nullable: false }] });
const NO_VALIDITY = { offset: 0, sizeBytes: 0 };

/** The messages of a put. @param batchBytes size of the column in each batch, a multiple of 8. */
export function numberTable(descriptor: Uint8Array, batchBytes: readonly number[]): Buffer[] {
  return putMessages(descriptor, SCHEMA, batchBytes.map(numberBatch));
}

function numberBatch(sizeBytes: number): { header: Buffer; body: Buffer } {
  const body = randomBytes(sizeBytes + 4);
  const rowCount = sizeBytes / 8;
  const header = encodeRecordBatchMessage({
    rowCount,
    nodes: [{ length: rowCount, nullCount: 0 }],
    buffers: [NO_VALIDITY, { offset: 0, sizeBytes }],
    bodySizeBytes: body.length,
  });
  return { header, body };
}
