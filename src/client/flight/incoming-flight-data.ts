/**
 * FlightData as a client receives it: the head of each message at once, its body as it arrives.
 *
 * Read ahead is at most one receive queue (LIMITS.receiveQueueBytesMax) and one window, so a slow
 * caller slows the server down. flight-data-decoder.ts checks sizes and order.
 * Cost: `chunks` copies nothing; `collect` copies once.
 */
import { assert, CacheError } from "../../errors.ts";
import { decodeServerDescriptor, type FlightDescriptor } from "../../flight/descriptor.ts";
import { FlightDataDecoder, type FlightDataHead } from "../../flight/flight-data-decoder.ts";
import type { IncomingMessage, MessageReader } from "../../grpc/call.ts";
import { LIMITS } from "../../limits.ts";

/**
 * One message of DoGet or DoExchange. Its body can be read once, before the next message is
 * requested.
 */
export interface IncomingFlightData {
  /** The descriptor from the server; undefined in nearly all messages. */
  readonly descriptor: FlightDescriptor | undefined;
  /**
   * A bare IPC Message flatbuffer (schema, dictionary or record batch); empty in a message of
   * app_metadata alone. An unaligned view of received bytes: copy it to keep it.
   */
  readonly dataHeader: Buffer;
  /**
   * Empty if there is none. A view. Some servers send it after the body: then it is available when
   * the body was read.
   */
  readonly appMetadata: Buffer;
  /** Size of the whole body. */
  readonly bodySizeBytes: number;
  /**
   * The body as it arrives, in views of received bytes. After an early end of the loop, `collect`
   * returns the rest; otherwise it is skipped.
   * @throws {CacheError} INVALID_IPC or INVALID_REQUEST if the bytes are not FlightData; the call's
   *   reason if it is over
   */
  chunks(): AsyncIterable<Buffer>;
  /**
   * The whole body, or the rest after `chunks`, in memory of its own. It begins at offset 0 of its
   * ArrayBuffer, so that typed arrays and Arrow libraries can create views of it.
   * @throws {CacheError} OBJECT_TOO_LARGE over `sizeBytesMax`, before anything is collected; else
   *   as `chunks`
   */
  collect(sizeBytesMax?: number): Promise<Buffer>;
}

/**
 * The messages of a call in order. A request for the next one skips unread bytes of the previous
 * one.
 * @throws {CacheError} as IncomingFlightData.chunks; the error of the call's status after its last
 *   message
 */
export async function* readFlightData(reader: MessageReader): AsyncGenerator<IncomingFlightData, void, void> {
  const decoder = new FlightDataDecoder();
  for (let message = await reader.next(); message !== null; message = await reader.next()) {
    const data = new ArrivingFlightData(message, decoder);
    await data.readHead();
    yield data;
    await data.skip();
  }
}

const NO_BYTES: Buffer = Buffer.alloc(0);

class ArrivingFlightData implements IncomingFlightData {
  readonly #message: IncomingMessage;
  readonly #decoder: FlightDataDecoder;
  #head: FlightDataHead | undefined;
  #appMetadata: Buffer = NO_BYTES;
  /** Received views of the body that were not requested yet. */
  #waiting: Buffer[] = [];
  #givenBytes = 0;
  #isAtEnd = false;
  #isPassed = false;

  /** @param decoder of the call, used for one message after the other */
  constructor(message: IncomingMessage, decoder: FlightDataDecoder) {
    this.#message = message;
    this.#decoder = decoder;
    decoder.begin(message.sizeBytes);
  }

  get #headHere(): FlightDataHead {
    assert(this.#head !== undefined, "the head is read before the message is yielded");
    return this.#head;
  }

  get descriptor(): FlightDescriptor | undefined {
    const { descriptor } = this.#headHere;
    return descriptor && decodeServerDescriptor(descriptor);
  }

  get dataHeader(): Buffer {
    return this.#headHere.dataHeader;
  }

  get appMetadata(): Buffer {
    return this.#appMetadata;
  }

  get bodySizeBytes(): number {
    return this.#headHere.bodySizeBytes;
  }

  /** Reads until the body begins or the message ends. */
  async readHead(): Promise<void> {
    while (this.#decoder.head === undefined && !this.#isAtEnd) await this.#readOn();
    this.#head = this.#decoder.head;
    this.#appMetadata = this.#decoder.appMetadata;
    // The end, and the body's last bytes, have mostly arrived already.
    while (this.bodySizeBytes === 0 && !this.#isAtEnd) await this.#readOn();
  }

  async *chunks(): AsyncGenerator<Buffer, void, void> {
    while (this.#waiting.length > 0 || (await this.#hasViews())) {
      const view = this.#waiting.shift()!;
      this.#givenBytes += view.length;
      yield view;
    }
  }

  async collect(sizeBytesMax: number = LIMITS.streamedMessageBytesMax): Promise<Buffer> {
    const sizeBytes = this.bodySizeBytes - this.#givenBytes;
    if (sizeBytes > sizeBytesMax) {
      throw new CacheError("OBJECT_TOO_LARGE", `the body is over the limit of ${sizeBytesMax} bytes`, {
        facts: { sizeBytes, sizeBytesMax },
      });
    }
    // An announced size alone costs no memory: the system provides pages as they are written.
    const body = Buffer.allocUnsafeSlow(sizeBytes);
    let position = 0;
    while (await this.#hasViews()) {
      for (const view of this.#waiting.splice(0)) position += view.copy(body, position);
    }
    this.#givenBytes += position;
    return body;
  }

  /** Reads to the end of the message, which cannot be read afterwards. */
  async skip(): Promise<void> {
    while (!this.#isAtEnd) {
      this.#waiting = [];
      await this.#readOn();
    }
    this.#waiting = [];
    this.#isPassed = true;
  }

  /** Waits until a part of the body is available; false after the last one. */
  async #hasViews(): Promise<boolean> {
    assert(!this.#isPassed, "a message is read before the next one is requested");
    while (this.#waiting.length === 0) {
      if (this.#isAtEnd) return false;
      await this.#readOn();
    }
    return true;
  }

  /** Reads the chunks that have arrived. */
  async #readOn(): Promise<void> {
    const chunks = await this.#message.read();
    if (chunks === null) {
      this.#isAtEnd = true;
      this.#waiting.push(...this.#decoder.end());
      this.#appMetadata = this.#decoder.appMetadata;
      return;
    }
    for (const chunk of chunks) this.#waiting.push(...this.#decoder.push(chunk));
  }
}
