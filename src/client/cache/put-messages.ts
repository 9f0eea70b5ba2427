/**
 * Encodes values as the messages of a DoPut: opaque ones as rows `{version, data}`, tables as their
 * own batches.
 *
 * A buffer becomes one row, of at most LIMITS.opaqueWireRowBytesMax; a stream becomes rows of about
 * LIMITS.uploadRowBytes, which the server joins (docs/protocol.md, "DoPut"). Nothing is copied:
 * chunks must not change until the put is over. The version cell is 0, because the server assigns
 * versions.
 */
import { ZERO_PADDING } from "../../arrow/encapsulated.ts";
import { LIMITS } from "../../limits.ts";
import { OPAQUE_SCHEMA_HEADER } from "../../object/object-schema.ts";
import { encodeWireRow } from "../../object/opaque-row.ts";
import type { OutgoingFlightData } from "../flight/outgoing-flight-data.ts";
import type { EncodedValue } from "../values/encode-value.ts";
import type { IpcMessages } from "../values/ipc-messages.ts";

const OPAQUE_SCHEMA: OutgoingFlightData = { dataHeader: OPAQUE_SCHEMA_HEADER };

export function putMessages(value: EncodedValue): OutgoingFlightData[] {
  if (value.kind === "table") return tableMessages(value.messages);
  return [OPAQUE_SCHEMA, ...rowsOf(value.data)];
}

function tableMessages({ schemaHeader, batches }: IpcMessages): OutgoingFlightData[] {
  const bodies = batches.map(({ header, body }) => ({ dataHeader: header, body }));
  return [{ dataHeader: schemaHeader }, ...bodies];
}

/** Mostly one row; more if the value is too large for one message. */
function* rowsOf(data: readonly Uint8Array[]): Generator<OutgoingFlightData> {
  const limit = LIMITS.opaqueWireRowBytesMax;
  let row: Uint8Array[] = [];
  let sizeBytes = 0;
  for (const chunk of data) {
    for (let from = 0; from < chunk.length; ) {
      if (sizeBytes === limit) {
        yield opaqueRow(row);
        row = [];
        sizeBytes = 0;
      }
      const piece = chunk.subarray(from, from + limit - sizeBytes);
      row.push(piece);
      from += piece.length;
      sizeBytes += piece.length;
    }
  }
  yield opaqueRow(row);
}

/** A stream of chunks as rows. A row is sent when it is full, so small chunks wait for others. */
export async function* streamedPutMessages(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<OutgoingFlightData, void, void> {
  yield OPAQUE_SCHEMA;
  let row: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    row.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes < LIMITS.uploadRowBytes) continue;
    yield* rowsOf(row);
    row = [];
    sizeBytes = 0;
  }
  if (sizeBytes > 0) yield* rowsOf(row);
}

function opaqueRow(data: readonly Uint8Array[]): OutgoingFlightData {
  const dataSizeBytes = data.reduce((sum, chunk) => sum + chunk.length, 0);
  const row = encodeWireRow({ version: 0, dataSizeBytes, codec: undefined });
  const padding = ZERO_PADDING.subarray(0, row.paddingSizeBytes);
  return { dataHeader: row.header, body: [row.bodyFront, ...data, padding] };
}
