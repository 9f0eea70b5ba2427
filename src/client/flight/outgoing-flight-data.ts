/**
 * FlightData as a client sends it: messages from the caller's iterable, in order, as fast as the
 * server reads them.
 *
 * The next message, and the next piece of a body, is requested only when at most
 * LIMITS.sendQueueBytesMax wait to be sent.
 * Cost: bodies are sent without a copy.
 */
import { CacheError } from "../../errors.ts";
import { encodeDescriptor, type FlightDescriptor } from "../../flight/descriptor.ts";
import { encodeFlightDataHead, partsSizeBytes } from "../../flight/flight-data-encoder.ts";
import { checkSize } from "../../flight/size-limit.ts";
import type { MessageWriter } from "../../grpc/call.ts";
import { LIMITS } from "../../limits.ts";

/** A body that is produced while it is sent. */
export interface StreamedBody {
  /** Total size of the chunks, which is sent before them. */
  readonly sizeBytes: number;
  readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/**
 * One message of DoPut or DoExchange. Its bytes are not copied and must not change before the call
 * is over.
 */
export interface OutgoingFlightData {
  /** A bare IPC Message flatbuffer; empty in a message of app_metadata alone. */
  readonly dataHeader: Uint8Array;
  readonly appMetadata?: Uint8Array | undefined;
  /** At most 4 GiB - 1 together with the header. Several buffers are sent in order. */
  readonly body?: Uint8Array | readonly Uint8Array[] | StreamedBody | undefined;
}

export type OutgoingFlightMessages = Iterable<OutgoingFlightData> | AsyncIterable<OutgoingFlightData>;

const NOTHING: OutgoingFlightData = { dataHeader: new Uint8Array(0) };

/**
 * Writes the messages of a put, with the descriptor in the first; without messages, the descriptor
 * alone.
 * @throws {CacheError} OBJECT_TOO_LARGE for a message over LIMITS.streamedMessageBytesMax;
 *   INVALID_REQUEST if the chunks of a body do not have its size; errors of the iterables; the
 *   call's reason if it is over
 */
export async function writePut(
  writer: MessageWriter,
  descriptor: FlightDescriptor,
  messages: AsyncIterable<OutgoingFlightData>,
): Promise<void> {
  let unsent: Uint8Array | undefined = encodeDescriptor(descriptor);
  for await (const message of messages) {
    await writeMessage(writer, message, unsent);
    unsent = undefined;
  }
  if (unsent !== undefined) await writeMessage(writer, NOTHING, unsent);
}

/**
 * Writes the messages of an exchange: first the descriptor alone, then again with the schema.
 * Arrow's C++ client does the same, because its server drops everything else in the first message.
 * @throws as writePut
 */
export async function writeExchange(
  writer: MessageWriter,
  descriptor: FlightDescriptor,
  messages: AsyncIterable<OutgoingFlightData>,
): Promise<void> {
  const encoded = encodeDescriptor(descriptor);
  await writeMessage(writer, NOTHING, encoded);
  let hasSchema = false;
  for await (const message of messages) {
    const isSchema: boolean = !hasSchema && message.dataHeader.length > 0;
    await writeMessage(writer, message, isSchema ? encoded : undefined);
    if (isSchema) hasSchema = true;
  }
}

async function writeMessage(
  writer: MessageWriter,
  { dataHeader, appMetadata, body = [] }: OutgoingFlightData,
  descriptor: Uint8Array | undefined,
): Promise<void> {
  const streamed = "chunks" in body ? body : undefined;
  const buffers = "chunks" in body ? [] : body instanceof Uint8Array ? [body] : body;
  const bodySizeBytes = streamed?.sizeBytes ?? partsSizeBytes(buffers);
  const head = encodeFlightDataHead({ descriptor, dataHeader, appMetadata, bodySizeBytes });
  const sizeBytes = partsSizeBytes(head) + bodySizeBytes;
  checkSize("a FlightData message", sizeBytes, "streamedMessageBytesMax");
  if (streamed === undefined && sizeBytes <= LIMITS.sendQueueBytesMax) {
    await writer.write([...head, ...buffers]);
    return;
  }
  await writer.startMessage(sizeBytes, head);
  await writeBody(writer, streamed ?? { sizeBytes: bodySizeBytes, chunks: piecesOf(buffers) });
}

async function writeBody(writer: MessageWriter, { sizeBytes, chunks }: StreamedBody): Promise<void> {
  let missing = sizeBytes;
  for await (const chunk of chunks) {
    missing -= chunk.length;
    if (missing < 0) break;
    if (chunk.length > 0) await writer.writePiece(chunk);
  }
  if (missing === 0) return;
  throw new CacheError("INVALID_REQUEST", "the size of the chunks of a body differs from its sizeBytes", {
    facts: { sizeBytes, missing },
  });
}

/** Splits buffers into views, so that few bytes of a large body wait in the connection's queue. */
function* piecesOf(buffers: readonly Uint8Array[]): Iterable<Uint8Array> {
  for (const buffer of buffers) {
    for (let from = 0; from < buffer.length; from += LIMITS.sendQueueBytesMax) {
      yield buffer.subarray(from, from + LIMITS.sendQueueBytesMax);
    }
  }
}
