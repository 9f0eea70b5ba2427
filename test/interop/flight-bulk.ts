/**
 * A large table as FlightData, made while it is sent, and the digest of what was sent and of what came back.
 */
import { createHash } from "node:crypto";
import { encodeRecordBatchMessage, encodeSchemaMessage } from "../../src/arrow/message-writer.ts";
import type { IncomingFlightData } from "../../src/client/flight/incoming-flight-data.ts";
import type { OutgoingFlightData } from "../../src/client/flight/outgoing-flight-data.ts";

export const MIB = 1024 * 1024;
const ROWS = MIB / 8;

const SCHEMA = encodeSchemaMessage({ fields: [{ name: "x", type: "uint64", nullable: false }] });
const BATCH = encodeRecordBatchMessage({
  rowCount: ROWS,
  nodes: [{ length: ROWS, nullCount: 0 }],
  buffers: [
    { offset: 0, sizeBytes: 0 },
    { offset: 0, sizeBytes: MIB },
  ],
  bodySizeBytes: MIB,
});

/** Schema, then batches of 1 MiB, each beginning with its number. `onBatch` is told before each is given. */
export function* bulkTable(
  batches: number,
  onBatch: (number: number) => void = () => undefined,
): Generator<OutgoingFlightData, void, undefined> {
  yield { dataHeader: SCHEMA };
  for (let number = 0; number < batches; number++) {
    onBatch(number);
    const body = Buffer.alloc(MIB, number);
    body.writeUInt32LE(number, 0);
    yield { dataHeader: BATCH, body };
  }
}

/** The digest of the bodies of `bulkTable`. */
export function bulkDigest(batches: number): string {
  const hash = createHash("sha256");
  for (const { body } of bulkTable(batches)) hash.update((body as Buffer | undefined) ?? "");
  return hash.digest("hex");
}

/** The digest of all bodies as they arrive. */
export async function digestOf(messages: AsyncIterable<IncomingFlightData>): Promise<string> {
  const hash = createHash("sha256");
  for await (const message of messages) {
    for await (const chunk of message.chunks()) hash.update(chunk);
  }
  return hash.digest("hex");
}

/** Messages on their way from one call into another, bodies as they come. */
export async function* passedOn(
  messages: AsyncIterable<IncomingFlightData>,
): AsyncGenerator<OutgoingFlightData, void, undefined> {
  for await (const message of messages) {
    const { dataHeader, appMetadata, bodySizeBytes } = message;
    yield { dataHeader, appMetadata, body: { sizeBytes: bodySizeBytes, chunks: message.chunks() } };
  }
}
