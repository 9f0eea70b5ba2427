/**
 * Converts FlightData to Arrow IPC bytes and back, for Arrow libraries that read streams but not
 * Flight.
 *
 * Messages are framed and never decoded, so every Arrow type passes; app_metadata is dropped. A
 * library that decodes the bytes trusts the server: see docs/flight-client.md.
 * Cost: one copy of each body, into memory whose parts are aligned for views; `ipcToFlight` copies
 * nothing.
 */
import { decodeMessage } from "../../arrow/message.ts";
import { CacheError } from "../../errors.ts";
import { frameMessage, splitIpc, streamEnd } from "../values/ipc-messages.ts";
import type { IncomingFlightData } from "./incoming-flight-data.ts";
import type { OutgoingFlightData } from "./outgoing-flight-data.ts";

/**
 * The messages of a get or an exchange as parts of an IPC stream, one per message, as they arrive.
 * The last part ends the stream. `await tableFromIPC(flightToIpc(client.doGet(ticket)))` returns a
 * table of apache-arrow.
 * @throws {CacheError} INVALID_IPC if the size of a body differs from the size in its header;
 *   errors of the messages
 */
export async function* flightToIpc(
  messages: AsyncIterable<IncomingFlightData>,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const message of messages) {
    const { dataHeader, bodySizeBytes } = message;
    if (dataHeader.length === 0) continue;
    if (bodySizeOf(dataHeader) !== bodySizeBytes) {
      throw new CacheError("INVALID_IPC", "the size of a body differs from the size in its message", {
        facts: { came: bodySizeBytes },
      });
    }
    const { part, body } = frameMessage(dataHeader, bodySizeBytes);
    let position = 0;
    for await (const chunk of message.chunks()) {
      body.set(chunk, position);
      position += chunk.length;
    }
    yield part;
  }
  yield streamEnd();
}

function bodySizeOf(dataHeader: Uint8Array): number {
  const message = decodeMessage(dataHeader);
  return message.kind === "schema" ? 0 : message.bodySizeBytes;
}

/**
 * The messages of an IPC stream or file, for a put: `client.doPut(descriptor,
 * ipcToFlight(tableToIPC(table)))`. They are views of the bytes, which must not change before the
 * put is over.
 * @throws {CacheError} INVALID_IPC if the bytes are neither
 */
export function ipcToFlight(bytes: Uint8Array): OutgoingFlightData[] {
  const { schemaHeader, batches } = splitIpc(bytes);
  const data = batches.map(({ header, body }) => ({ dataHeader: header, body }));
  return [{ dataHeader: schemaHeader }, ...data];
}
