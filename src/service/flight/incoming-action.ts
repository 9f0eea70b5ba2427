/**
 * Reads one action. Its type is read first, so that the size of its body can be checked before any
 * byte of it is kept.
 *
 *     0A size type | 12 size body        as every protobuf encoder writes an Action
 *
 * An action up to LIMITS.requestBytesMax is collected and may have its fields in any order. The
 * body of a larger one is forwarded while it arrives, so its type must be first and its body last.
 * A compressed action is collected, because its size is not known before: the same limit applies to
 * it.
 */
import { CacheError } from "../../errors.ts";
import { decodeAction } from "../../flight/messages.ts";
import { decodeText } from "../../flight/text.ts";
import type { IncomingMessage, ServerCall } from "../../grpc/call.ts";
import { joinMessage } from "../../grpc/join-message.ts";
import { LIMITS } from "../../limits.ts";

/**
 * The body ends with the requests of the call: `read` returns null after the client half-closed.
 */
export interface IncomingAction {
  readonly type: string;
  readonly body: IncomingMessage;
}

const TYPE_TAG = 0x0a;
const BODY_TAG = 0x12;
/** A size up to 2^35 as a varint. */
const SIZE_BYTES_MAX = 5;
const FRONT_BYTES_MAX = 2 * (1 + SIZE_BYTES_MAX) + LIMITS.actionTypeBytesMax;

/**
 * @throws {CacheError} INVALID_REQUEST if it is not an action, or if it is large and its fields are
 *   in another order.
 */
export async function readAction(call: ServerCall): Promise<IncomingAction> {
  const message = await call.requests.next();
  if (message === null) throw new CacheError("INVALID_REQUEST", "the call has no message");
  if (message.sizeBytes <= LIMITS.requestBytesMax || message.isSizeBound === true) {
    const { type, body } = decodeAction(
      await message.collect(LIMITS.requestBytesMax, (bytes) => call.collect(bytes)),
    );
    return { type, body: new ActionBody(call, { first: body, rest: undefined, sizeBytes: body.length }) };
  }
  const front = await readFront(message);
  const { type, bodyStart } = decodeFront(front, message.sizeBytes);
  const sizeBytes = message.sizeBytes - bodyStart;
  return { type, body: new ActionBody(call, { first: front.subarray(bodyStart), rest: message, sizeBytes }) };
}

async function readFront(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  while (sizeBytes < FRONT_BYTES_MAX) {
    const chunks = await message.read();
    for (const chunk of chunks ?? []) {
      parts.push(chunk);
      sizeBytes += chunk.length;
    }
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, sizeBytes);
}

function decodeFront(front: Buffer, messageBytes: number): { type: string; bodyStart: number } {
  const type = sizeBehind(front, 0, TYPE_TAG);
  if (type === undefined || type.sizeBytes > LIMITS.actionTypeBytesMax) throw misplaced();
  const typeEnd = type.end + type.sizeBytes;
  const body = sizeBehind(front, typeEnd, BODY_TAG);
  if (body === undefined || body.end + body.sizeBytes !== messageBytes) throw misplaced();
  return { type: decodeText(front.subarray(type.end, typeEnd), "the type"), bodyStart: body.end };
}

/** The size behind a tag, and the position after it. */
function sizeBehind(
  front: Buffer,
  position: number,
  tag: number,
): { sizeBytes: number; end: number } | undefined {
  if (front[position] !== tag) return undefined;
  let sizeBytes = 0;
  for (let index = 0; index < SIZE_BYTES_MAX; index += 1) {
    const byte = front[position + 1 + index]!;
    sizeBytes += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { sizeBytes, end: position + 2 + index };
  }
  return undefined;
}

function misplaced(): CacheError {
  return new CacheError(
    "INVALID_REQUEST",
    `an action over ${LIMITS.requestBytesMax} bytes must have its type first, then its body, and nothing else`,
  );
}

interface BodyParts {
  readonly first: Buffer;
  readonly rest: IncomingMessage | undefined;
  readonly sizeBytes: number;
}

class ActionBody implements IncomingMessage {
  readonly sizeBytes: number;
  readonly #call: ServerCall;
  readonly #rest: IncomingMessage | undefined;
  #first: Buffer;

  constructor(call: ServerCall, { first, rest, sizeBytes }: BodyParts) {
    this.#call = call;
    this.#first = first;
    this.#rest = rest;
    this.sizeBytes = sizeBytes;
  }

  async read(): Promise<Buffer[] | null> {
    if (this.#first.length > 0) {
      const first = this.#first;
      this.#first = first.subarray(first.length);
      return [first];
    }
    const chunks = (await this.#rest?.read()) ?? null;
    if (chunks === null) await this.#refuseMore();
    return chunks;
  }

  async collect(sizeBytesMax: number): Promise<Buffer> {
    const body = await joinMessage(this, sizeBytesMax, (bytes) => this.#call.collect(bytes));
    await this.#refuseMore();
    return body;
  }

  async #refuseMore(): Promise<void> {
    if ((await this.#call.requests.next()) === null) return;
    throw new CacheError("INVALID_REQUEST", "the call has more than one message");
  }
}
