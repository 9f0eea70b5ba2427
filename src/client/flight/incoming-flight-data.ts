/**
 * FlightData as a client receives it: the head of each message at once, its body as it arrives.
 *
 * Nothing is read ahead of the caller beyond one receive queue (LIMITS.receiveQueueBytesMax) and one window, so a caller
 * who is slow slows the server down. Sizes and order are checked by flight-data-decoder.ts.
 * Cost: `chunks` copies nothing; `collect` copies once.
 */
import { assert, CacheError } from "../../errors.ts";
import { decodeServerDescriptor, type FlightDescriptor } from "../../flight/descriptor.ts";
import { FlightDataDecoder, type FlightDataHead } from "../../flight/flight-data-decoder.ts";
import type { IncomingMessage, MessageReader } from "../../grpc/call.ts";
import { LIMITS } from "../../limits.ts";

/** One message of DoGet or DoExchange. Its body can be read once, before the next message is asked for. */
export interface IncomingFlightData {
  /** What the server says the message is about; undefined for nearly all. */
  readonly descriptor: FlightDescriptor | undefined;
  /**
   * A bare IPC Message flatbuffer (schema, dictionary or record batch); empty in a message of app_metadata alone. A view
   * of what the socket gave, not aligned: copy it to keep it.
   */
  readonly dataHeader: Buffer;
  /** Empty when there is none. A view. Some servers send it behind the body: then it is here once the body was read. */
  readonly appMetadata: Buffer;
  /** What `chunks` gives in all, and `collect` at once. */
  readonly bodySizeBytes: number;
  /**
   * The body as it arrives, in views of what the socket gave. Breaking off leaves the rest to `collect`, or to be skipped.
   * @throws {CacheError} INVALID_IPC or INVALID_REQUEST when the bytes are not FlightData; the call's reason when it is over
   */
  chunks(): AsyncIterable<Buffer>;
  /**
   * The rest of the body, without `chunks` before it the whole of it, as memory of its own: it begins at offset 0 of its
   * ArrayBuffer, so that typed arrays and Arrow libraries can make views of it.
   * @throws {CacheError} OBJECT_TOO_LARGE over `sizeBytesMax`, before anything is collected; else as `chunks`
   */
  collect(sizeBytesMax?: number): Promise<Buffer>;
}

/**
 * The messages of a call in order; asking for the next one skips what was not read of the one before.
 * @throws {CacheError} as IncomingFlightData.chunks, and the error of the call's status behind its last message
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
  /** Views of the body that came and were not asked for yet. */
  #waiting: Buffer[] = [];
  #givenBytes = 0;
  #isAtEnd = false;
  #isPassed = false;

  /** @param decoder of the call: it serves one message after the other */
  constructor(message: IncomingMessage, decoder: FlightDataDecoder) {
    this.#message = message;
    this.#decoder = decoder;
    decoder.begin(message.sizeBytes);
  }

  get #headHere(): FlightDataHead {
    assert(this.#head !== undefined, "the head is read before the message is handed out");
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
    // Mostly the end is here already, and with it the body's last bytes.
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
      throw new CacheError(
        "OBJECT_TOO_LARGE",
        `the body is over the ${sizeBytesMax} bytes that were asked for`,
        {
          facts: { sizeBytes, sizeBytesMax },
        },
      );
    }
    // What is only promised costs nothing: the system gives memory page by page, as bytes are written to it.
    const body = Buffer.allocUnsafeSlow(sizeBytes);
    let position = 0;
    while (await this.#hasViews()) {
      for (const view of this.#waiting.splice(0)) position += view.copy(body, position);
    }
    this.#givenBytes += position;
    return body;
  }

  /** Reads to the message's end; from now on nothing can be had of it. */
  async skip(): Promise<void> {
    while (!this.#isAtEnd) {
      this.#waiting = [];
      await this.#readOn();
    }
    this.#waiting = [];
    this.#isPassed = true;
  }

  /** Waits until a part of the body is here; false behind the last. */
  async #hasViews(): Promise<boolean> {
    assert(!this.#isPassed, "a message is read before the next one is asked for");
    while (this.#waiting.length === 0) {
      if (this.#isAtEnd) return false;
      await this.#readOn();
    }
    return true;
  }

  /** Takes what has arrived of the message. */
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
