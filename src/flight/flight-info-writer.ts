/**
 * Encodes many FlightInfos for a list: the same bytes as encodeFlightInfo, at a tenth of its cost.
 *
 *     0A schema | 12 {08 01, 1A path} | 1A {0A {0A ticket}, 12 {0A location} ..., 1A {08 seconds}}
 *         | 20 records | 28 bytes | 3A app_metadata
 *
 * Each location is encoded once, and the expiry, which all have in common. Each FlightInfo has a
 * path of one part, one endpoint and one ticket. Empty fields and zeros are omitted, as in protobuf.
 * Cost: 1 us. Infos are views of chunks that many share.
 */
import { assert } from "../errors.ts";
import { varintSizeBytes, writeVarint } from "./varint.ts";

export interface ListedFlight {
  /** Encapsulated schema message; empty if omitted. */
  readonly schema: Uint8Array;
  /** UTF-8. */
  readonly path: Uint8Array;
  readonly ticket: Uint8Array;
  /** URIs such as `grpc://HOST:PORT`. */
  readonly locations: readonly string[];
  readonly totalRecords: number;
  readonly totalBytes: number;
  readonly appMetadata: Uint8Array;
}

/** A field number shifted by three; wire type 2 for bytes, 0 for numbers. */
const TAGS = {
  info: { schema: 0x0a, descriptor: 0x12, endpoint: 0x1a, records: 0x20, bytes: 0x28, appMetadata: 0x3a },
  descriptor: { path: 0x1a },
  endpoint: { ticket: 0x0a, location: 0x12, expirationTime: 0x1a },
  ticket: { ticket: 0x0a },
  location: { uri: 0x0a },
  timestamp: { seconds: 0x08 },
} as const;
/** Infos are parts of such chunks, as of Node's own pool, which has room for sixteen. */
const CHUNK_BYTES = 64 * 1024;
/** What is left of the last chunk. All lists share it: one that waits for its client holds none. */
let chunk = Buffer.alloc(0);

function taken(sizeBytes: number): Buffer {
  if (sizeBytes > CHUNK_BYTES) return Buffer.allocUnsafe(sizeBytes);
  if (sizeBytes > chunk.length) chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  const part = chunk.subarray(0, sizeBytes);
  chunk = chunk.subarray(sizeBytes);
  return part;
}

/** Its type: PATH. */
const DESCRIPTOR_TYPE = Uint8Array.of(0x08, 0x01);

export class FlightInfoWriter {
  readonly #encoded = new Map<string, Buffer>();
  readonly #expiry: Uint8Array;

  /** @param expirationTime of all endpoints, in whole seconds; absent: none. */
  constructor(expirationTime?: Date) {
    this.#expiry = expirationTime === undefined ? NO_BYTES : encodeExpiry(expirationTime);
  }

  write(flight: ListedFlight): Buffer {
    const { schema, path, ticket, totalRecords, totalBytes, appMetadata } = flight;
    const locations = flight.locations.map((uri) => this.#locationOf(uri));
    assert(Number.isSafeInteger(totalRecords) && totalRecords >= 0, "totalRecords is a whole number");
    assert(Number.isSafeInteger(totalBytes) && totalBytes >= 0, "totalBytes is a whole number");
    const descriptorBytes = DESCRIPTOR_TYPE.length + fieldBytes(path.length);
    const ticketBytes = optionalBytes(ticket.length);
    const placeBytes = locations.reduce((sum, { length }) => sum + length, this.#expiry.length);
    const endpointBytes = fieldBytes(ticketBytes) + placeBytes;
    const fields = new Fields(
      optionalBytes(schema.length) +
        fieldBytes(descriptorBytes) +
        fieldBytes(endpointBytes) +
        numberBytes(totalRecords) +
        numberBytes(totalBytes) +
        optionalBytes(appMetadata.length),
    );
    if (schema.length > 0) fields.bytes(TAGS.info.schema, schema);
    fields
      .begin(TAGS.info.descriptor, descriptorBytes)
      .raw(DESCRIPTOR_TYPE)
      .bytes(TAGS.descriptor.path, path);
    fields.begin(TAGS.info.endpoint, endpointBytes).begin(TAGS.endpoint.ticket, ticketBytes);
    if (ticket.length > 0) fields.bytes(TAGS.ticket.ticket, ticket);
    for (const location of locations) fields.raw(location);
    fields.raw(this.#expiry);
    if (totalRecords > 0) fields.number(TAGS.info.records, totalRecords);
    if (totalBytes > 0) fields.number(TAGS.info.bytes, totalBytes);
    if (appMetadata.length > 0) fields.bytes(TAGS.info.appMetadata, appMetadata);
    return fields.target;
  }

  /** A list has few locations. */
  #locationOf(uri: string): Buffer {
    const known = this.#encoded.get(uri);
    if (known !== undefined) return known;
    const text = Buffer.from(uri);
    const inner = new Fields(fieldBytes(text.length)).bytes(TAGS.location.uri, text).target;
    const encoded = new Fields(fieldBytes(inner.length)).bytes(TAGS.endpoint.location, inner).target;
    this.#encoded.set(uri, encoded);
    return encoded;
  }
}

const NO_BYTES = new Uint8Array(0);

function encodeExpiry(time: Date): Buffer {
  const seconds = Math.floor(time.getTime() / 1000);
  const inner = new Fields(numberBytes(seconds)).number(TAGS.timestamp.seconds, seconds).target;
  return new Fields(fieldBytes(inner.length)).bytes(TAGS.endpoint.expirationTime, inner).target;
}

function fieldBytes(sizeBytes: number): number {
  return 1 + varintSizeBytes(sizeBytes) + sizeBytes;
}

function optionalBytes(sizeBytes: number): number {
  return sizeBytes === 0 ? 0 : fieldBytes(sizeBytes);
}

function numberBytes(value: number): number {
  return value === 0 ? 0 : 1 + varintSizeBytes(value);
}

/** Writes fields one after the other. */
class Fields {
  readonly target: Buffer;
  #position = 0;

  constructor(sizeBytes: number) {
    this.target = taken(sizeBytes);
  }

  begin(tag: number, sizeBytes: number): this {
    this.target[this.#position] = tag;
    this.#position = writeVarint(this.target, this.#position + 1, sizeBytes);
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.target.set(bytes, this.#position);
    this.#position += bytes.length;
    return this;
  }

  bytes(tag: number, bytes: Uint8Array): this {
    return this.begin(tag, bytes.length).raw(bytes);
  }

  number(tag: number, value: number): this {
    return this.begin(tag, value);
  }
}
