/**
 * The answer of a DoGet taken apart: its schema first, then its batches one after the other.
 */
import { type ArrowSchema, decodeSchema } from "../arrow/schema.ts";
import type { IncomingFlightData } from "../client/flight/incoming-flight-data.ts";
import { CacheError } from "../errors.ts";

export interface Answer {
  readonly schemaHeader: Buffer;
  /** What came with the schema message. */
  readonly appMetadata: Buffer;
  readonly schema: ArrowSchema;
  /** To be taken once; leaving it early cancels the call. Messages without Arrow bytes are passed over. */
  readonly batches: AsyncIterable<IncomingFlightData>;
  /** Ends the call where the batches are not taken at all. */
  cancel(): Promise<void>;
}

/** Waits for the schema. @throws {CacheError} what the server answers; INVALID_IPC when it is no schema. */
export async function openAnswer(messages: AsyncIterable<IncomingFlightData>): Promise<Answer> {
  const iterator = messages[Symbol.asyncIterator]();
  const cancel = async (): Promise<void> => void (await iterator.return?.());
  try {
    const first = await iterator.next();
    if (first.done === true) throw new CacheError("INVALID_IPC", "the answer has no schema");
    const { dataHeader: schemaHeader, appMetadata } = first.value;
    const schema = decodeSchema(schemaHeader);
    return { schemaHeader, appMetadata, schema, batches: withArrow(iterator), cancel };
  } catch (error) {
    await cancel();
    throw error;
  }
}

async function* withArrow(iterator: AsyncIterator<IncomingFlightData>): AsyncGenerator<IncomingFlightData> {
  for await (const data of { [Symbol.asyncIterator]: () => iterator }) {
    if (data.dataHeader.length > 0) yield data;
  }
}
