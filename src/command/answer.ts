/**
 * Splits the answer of a DoGet into its schema and its batches.
 *
 * Batches are read one at a time; messages without Arrow bytes are skipped.
 */
import { type ArrowSchema, decodeSchema } from "../arrow/schema.ts";
import type { IncomingFlightData } from "../client/flight/incoming-flight-data.ts";
import { CacheError } from "../errors.ts";

export interface Answer {
  readonly schemaHeader: Buffer;
  /** The app_metadata of the schema message. */
  readonly appMetadata: Buffer;
  readonly schema: ArrowSchema;
  /** Can be iterated once. Ending the iteration early cancels the call. */
  readonly batches: AsyncIterable<IncomingFlightData>;
  /** Cancels the call if the batches are not iterated. */
  cancel(): Promise<void>;
}

/**
 * Waits for the schema.
 * @throws {CacheError} the server's error; INVALID_IPC if the first message is not a schema.
 */
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
