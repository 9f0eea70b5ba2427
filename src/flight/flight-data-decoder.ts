/**
 * Push decoder for FlightData that passes the body on while the message is still arriving.
 *
 * | tag          | field             | handling                                               |
 * |--------------|-------------------|--------------------------------------------------------|
 * | 0A (1)       | flight_descriptor | gathered; a second one is refused, not merged          |
 * | 12 (2)       | data_header       | gathered; the last one before the body counts          |
 * | 1A (3)       | app_metadata      | gathered, even after the body; the last one counts     |
 * | C2 3E (1000) | data_body         | after a header: passed on as views; before it: gathered |
 * | others       | unknown           | skipped, never gathered                                |
 *
 * Any split of the input gives the same result. Gathered values are views of a chunk if they lie in
 * one chunk, otherwise copies; a view keeps its chunk alive, so copy what outlives the message.
 * Groups (wire types 3 and 4) are refused, as proto3 has none, and so are more fields than Flight
 * can have. After an error only `begin` may follow.
 */
import { assert, CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { FieldCollector } from "./field-collector.ts";
import { FLIGHT_DATA_TAGS } from "./flight-data-encoder.ts";
import { checkSize } from "./size-limit.ts";
import { VarintReader } from "./varint.ts";

/** The fields before the body. */
export interface FlightDataHead {
  /** An undecoded FlightDescriptor. */
  readonly descriptor: Buffer | undefined;
  /** A bare IPC Message flatbuffer; empty if the message has none. */
  readonly dataHeader: Buffer;
  readonly appMetadata: Buffer;
  readonly bodySizeBytes: number;
}

type Field = keyof typeof FLIGHT_DATA_TAGS;

const FIELDS: ReadonlyMap<number, Field> = new Map(
  Object.entries(FLIGHT_DATA_TAGS).map(([field, tag]) => [tag, field as Field]),
);
/** Limit of each gathered field. */
const BOUNDS = {
  descriptor: { subject: "the flight descriptor", limit: "descriptorBytesMax" },
  dataHeader: { subject: "the data header", limit: "dataHeaderBytesMax" },
  appMetadata: { subject: "the app_metadata", limit: "appMetadataBytesMax" },
  body: { subject: "a body before its header", limit: "bodyBeforeHeaderBytesMax" },
} as const;
const NO_BYTES: Buffer = Buffer.alloc(0);

/** One per stream: call `begin`, `push` for all bytes, `end`, and repeat. */
export class FlightDataDecoder {
  readonly #varint = new VarintReader();
  readonly #collector = new FieldCollector();
  /** The meaning of the next varint. */
  #varintIs: "tag" | "size" | "skipped" = "tag";
  /** The field whose value is being read; undefined if it is skipped. */
  #field: Field | undefined;
  #fieldCount = 0;
  /** Remaining bytes of that value. */
  #valueLeft = 0;
  /** Remaining bytes of the message, at most. */
  #messageLeft = 0;
  #isSizeBound = false;
  #descriptor: Buffer | undefined;
  #dataHeader: Buffer | undefined;
  #appMetadata = NO_BYTES;
  #body: "none" | "streamed" | "collected" = "none";
  #collectedBody = NO_BYTES;
  #head: FlightDataHead | undefined;

  /** Starts a message of this size, or of at most this size: then `end` marks its end. */
  begin(messageSizeBytes: number, isSizeBound = false): void {
    this.#varint.reset();
    this.#varintIs = "tag";
    this.#field = undefined;
    this.#fieldCount = 0;
    this.#valueLeft = 0;
    this.#messageLeft = messageSizeBytes;
    this.#isSizeBound = isSizeBound;
    this.#descriptor = undefined;
    this.#dataHeader = undefined;
    this.#appMetadata = NO_BYTES;
    this.#body = "none";
    this.#collectedBody = NO_BYTES;
    this.#head = undefined;
  }

  /** Set as soon as the body begins after a header; for any other message at `end`. */
  get head(): FlightDataHead | undefined {
    return this.#head;
  }

  /** Memory that the values of this message hold until the next one begins, bytes. */
  get heldBytes(): number {
    return (
      this.#collector.heldBytes +
      (this.#descriptor?.length ?? 0) +
      (this.#dataHeader?.length ?? 0) +
      this.#appMetadata.length +
      this.#collectedBody.length
    );
  }

  /** Final only after `end`: app_metadata may also follow the body. */
  get appMetadata(): Buffer {
    return this.#appMetadata;
  }

  /**
   * Feeds bytes of the message. Returns those of the body, as views, in order.
   * @throws {CacheError} INVALID_IPC if the bytes are not protobuf; INVALID_REQUEST if fields are
   *   repeated or in an order that cannot be streamed; OBJECT_TOO_LARGE if a field exceeds its
   *   limit.
   */
  push(chunk: Buffer): Buffer[] {
    assert(chunk.length <= this.#messageLeft, "no more bytes than the message was said to have");
    const body: Buffer[] = [];
    let position = 0;
    while (position < chunk.length) {
      if (this.#valueLeft === 0) {
        this.#messageLeft -= 1;
        if (this.#varint.push(chunk[position]!)) this.#takeVarint(this.#varint.value);
        position += 1;
        continue;
      }
      const sizeBytes = Math.min(this.#valueLeft, chunk.length - position);
      this.#messageLeft -= sizeBytes;
      this.#valueLeft -= sizeBytes;
      const piece = sizeBytes === chunk.length ? chunk : chunk.subarray(position, position + sizeBytes);
      if (this.#field === "body" && this.#body === "streamed") body.push(piece);
      else if (this.#field !== undefined) this.#gather(this.#field, piece);
      position += sizeBytes;
    }
    return body;
  }

  /**
   * Ends the message. Returns the body if it preceded the header and could not be passed on.
   * @throws {CacheError} INVALID_IPC if the message is cut off.
   */
  end(): Buffer[] {
    const isShort = this.#messageLeft > 0 && !this.#isSizeBound;
    if (isShort || this.#valueLeft > 0 || this.#varint.midway || this.#varintIs !== "tag") {
      throw new CacheError("INVALID_IPC", "a FlightData message is cut short");
    }
    if (this.#head === undefined) this.#setHead(this.#collectedBody.length);
    return this.#collectedBody.length > 0 ? [this.#collectedBody] : [];
  }

  #takeVarint(value: number): void {
    const meaning = this.#varintIs;
    this.#varintIs = "tag";
    if (meaning === "tag") this.#startField(value);
    else if (meaning === "size") this.#startValue(value);
  }

  #startField(tag: number): void {
    if (tag < 8 || tag > 0xffff_ffff) throw malformed("has a field with an impossible number");
    this.#fieldCount += 1;
    if (this.#fieldCount > LIMITS.flightDataFieldsMax) throw misplaced("there are too many fields");
    this.#field = undefined;
    switch (tag % 8) {
      case 0:
        this.#varintIs = "skipped";
        return;
      case 1:
        this.#startValue(8);
        return;
      case 2:
        this.#field = FIELDS.get(tag);
        this.#varintIs = "size";
        return;
      case 5:
        this.#startValue(4);
        return;
      default:
        throw malformed("has a field of a type that proto3 does not have");
    }
  }

  #startValue(sizeBytes: number): void {
    if (sizeBytes > this.#messageLeft) throw malformed("has a field that reaches beyond its end");
    this.#valueLeft = sizeBytes;
    if (this.#field === undefined) return;
    this.#admit(this.#field, sizeBytes);
    if (this.#field === "body" && this.#body === "streamed") return;
    this.#collector.begin(sizeBytes);
    if (sizeBytes === 0) this.#gather(this.#field, NO_BYTES);
  }

  /** Checks order and size before any byte of the value is read. */
  #admit(field: Field, sizeBytes: number): void {
    const { subject, limit } = BOUNDS[field];
    if (field === "body") {
      if (this.#body !== "none") throw misplaced("there are two bodies");
      if (this.#dataHeader !== undefined) {
        this.#body = "streamed";
        this.#setHead(sizeBytes);
        return;
      }
      this.#body = "collected";
    } else if (field !== "appMetadata" && this.#body === "streamed") {
      throw misplaced(`${subject} comes after the body`);
    } else if (field === "descriptor" && this.#descriptor !== undefined) {
      throw misplaced("there are two flight descriptors");
    }
    checkSize(subject, sizeBytes, limit);
  }

  #gather(field: Field, piece: Buffer): void {
    const value = this.#collector.push(piece);
    if (value === undefined) return;
    if (field === "descriptor") this.#descriptor = value;
    else if (field === "dataHeader") this.#dataHeader = value;
    else if (field === "appMetadata") this.#appMetadata = value;
    else this.#collectedBody = value;
  }

  #setHead(bodySizeBytes: number): void {
    this.#head = {
      descriptor: this.#descriptor,
      dataHeader: this.#dataHeader ?? NO_BYTES,
      appMetadata: this.#appMetadata,
      bodySizeBytes,
    };
  }
}

function malformed(what: string): CacheError {
  return new CacheError("INVALID_IPC", `a FlightData message ${what}`);
}

function misplaced(what: string): CacheError {
  return new CacheError("INVALID_REQUEST", `in a FlightData message ${what}`);
}
