/**
 * The two forms of streaming calls: one request and many answers, or both directions at the same
 * time.
 *
 * Each is a generator: a call starts when its first answer is requested, and leaving the loop early
 * (`break`, an error) resets it. Unsent messages are then dropped.
 */
import { CacheError } from "../../errors.ts";
import type { AnswerReader } from "../../grpc/call.ts";
import type { ClientCall } from "../../grpc/client-call.ts";
import { LIMITS } from "../../limits.ts";
import { MessageSender, type WriteAll } from "./message-sender.ts";

/** Reads the answers of a call, each once. */
export type ReadAll<T> = (reader: AnswerReader) => AsyncGenerator<T, void, void>;

/**
 * Reads small complete messages.
 * @throws {CacheError} OBJECT_TOO_LARGE over LIMITS.unaryMessageBytesMax; errors of `decode`
 */
export function smallAnswers<T>(decode: (bytes: Buffer) => T): ReadAll<T> {
  return async function* (reader) {
    const sizeBytesMax = LIMITS.unaryMessageBytesMax;
    for (;;) {
      let waiting = reader.nextWaiting(sizeBytesMax);
      for (; waiting !== undefined; waiting = reader.nextWaiting(sizeBytesMax)) yield decode(waiting);
      const message = await reader.next();
      if (message === null) return;
      yield decode(await message.collect(sizeBytesMax));
    }
  };
}

/** Sends one request, then yields the answers until the status. */
export async function* streamAnswers<T>(
  open: () => ClientCall,
  request: Uint8Array,
  readAll: ReadAll<T>,
): AsyncGenerator<T, void, void> {
  const call = open();
  let isRead = false;
  try {
    // The request is the only message, so it need not be sent before the answers are read.
    void call.write([request]);
    call.endRequests();
    yield* readAll(call.responses);
    isRead = true;
  } finally {
    if (!isRead) call.cancel();
  }
}

/** The sending side of a call with both directions. */
export interface Outgoing<T> {
  readonly messages: Iterable<T> | AsyncIterable<T>;
  readonly writeAll: (call: ClientCall) => WriteAll<T>;
  /** True if an OK before all messages were sent is a failure. */
  readonly mustSendAll: boolean;
}

/** Sends and reads at the same time, until the status. */
export async function* streamBoth<Request, Answer>(
  open: () => ClientCall,
  { messages, writeAll, mustSendAll }: Outgoing<Request>,
  readAll: ReadAll<Answer>,
): AsyncGenerator<Answer, void, void> {
  const call = open();
  const sender = new MessageSender(call, messages, writeAll(call));
  let isRead = false;
  try {
    yield* readAll(call.responses);
    isRead = true;
  } catch (error) {
    throw sender.reasonOf(error);
  } finally {
    if (!isRead) call.cancel();
    sender.stop();
  }
  if (mustSendAll && !sender.isSent) {
    throw new CacheError("CANCELLED", "the server ended the call before everything was sent");
  }
}
