/**
 * The small Flight messages: typed encode and decode over the generated code, which only this
 * module uses.
 *
 * FlightData is elsewhere (flight-data-decoder.ts, flight-data-encoder.ts), as are descriptors
 * (descriptor.ts) and the text of tickets (ticket.ts). Decoded bytes are views of the input;
 * encoded messages are new. Every decode function throws INVALID_REQUEST if the bytes are not its
 * message. Field numbers: Flight.proto of Apache Arrow.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { assert } from "../errors.ts";
import { type FlightDescriptor, fromDescriptorMessage, toDescriptorMessage } from "./descriptor.ts";
import {
  ActionSchema,
  ActionTypeSchema,
  CriteriaSchema,
  type FlightEndpoint as FlightEndpointMessage,
  FlightEndpointSchema,
  type FlightInfo as FlightInfoMessage,
  FlightInfoSchema,
  HandshakeRequestSchema,
  HandshakeResponseSchema,
  PutResultSchema,
  ResultSchema,
  SchemaResultSchema,
  TicketSchema,
} from "./generated/flight_pb.ts";
import { asBuffer, decodeMessageOf, decodeRequestOf, safeNumber } from "./protobuf.ts";
import { bytesOf, decodeText } from "./text.ts";
import { varintSizeBytes, writeVarint } from "./varint.ts";

/**
 * Where to get an object: the bytes of a ticket (formatTicket) and URIs such as `grpc://HOST:PORT`.
 */
export interface FlightEndpoint {
  readonly ticket: Uint8Array;
  readonly locations: readonly string[];
  /** Expiry of the ticket; absent: unknown. */
  readonly expirationTime?: Date;
  readonly appMetadata?: Uint8Array;
}

export interface FlightInfo {
  /** Encapsulated schema message; empty if omitted. */
  readonly schema: Uint8Array;
  readonly descriptor: FlightDescriptor | undefined;
  readonly endpoints: readonly FlightEndpoint[];
  /** Rows; -1 if unknown. */
  readonly totalRecords: number;
  /** -1 if unknown. */
  readonly totalBytes: number;
  /** True if the endpoints are in the order of the data. */
  readonly ordered?: boolean;
  readonly appMetadata: Uint8Array;
}

export interface Action {
  readonly type: string;
  readonly body: Buffer;
}

export interface ActionType {
  readonly type: string;
  readonly description: string;
}

/**
 * Copies the schema, which may have many MiB, once; the generated code would copy it three times.
 */
export function encodeFlightInfo(info: FlightInfo): Uint8Array {
  const rest = toBinary(FlightInfoSchema, toFlightInfoMessage({ ...info, schema: NO_BYTES }));
  return info.schema.length === 0 ? rest : firstField(info.schema, rest);
}

/**
 * Field 1, of bytes: all of a Ticket, SchemaResult, PutResult or Result, the schema of a FlightInfo.
 * @param rest the encoded fields behind it.
 */
function firstField(value: Uint8Array, rest = NO_BYTES): Uint8Array {
  if (value.length === 0) return rest;
  const from = 1 + varintSizeBytes(value.length);
  const message = Buffer.allocUnsafe(from + value.length + rest.length);
  message[0] = FIRST_TAG;
  writeVarint(message, 1, value.length);
  message.set(value, from);
  message.set(rest, from + value.length);
  return message;
}

/** For messages with a nested FlightInfo. For use in this module only. */
export function toFlightInfoMessage(info: FlightInfo): FlightInfoMessage {
  assert(Number.isSafeInteger(info.totalRecords), "totalRecords is a safe integer");
  assert(Number.isSafeInteger(info.totalBytes), "totalBytes is a safe integer");
  const message = create(FlightInfoSchema, {
    schema: info.schema,
    endpoint: info.endpoints.map(toEndpointMessage),
    totalRecords: BigInt(info.totalRecords),
    totalBytes: BigInt(info.totalBytes),
    appMetadata: info.appMetadata,
  });
  if (info.descriptor !== undefined) message.flightDescriptor = toDescriptorMessage(info.descriptor);
  return message;
}

/** Like `toFlightInfoMessage`. */
export function toEndpointMessage(endpoint: FlightEndpoint): FlightEndpointMessage {
  const message = create(FlightEndpointSchema, {
    ticket: { ticket: endpoint.ticket },
    location: endpoint.locations.map((uri) => ({ uri })),
  });
  if (endpoint.expirationTime !== undefined)
    message.expirationTime = timestampFromDate(endpoint.expirationTime);
  if (endpoint.appMetadata !== undefined) message.appMetadata = endpoint.appMetadata;
  return message;
}

/** An endpoint without a ticket gets an empty one, as in protobuf. */
export function decodeFlightInfo(bytes: Uint8Array): FlightInfo {
  return fromFlightInfoMessage(decodeMessageOf(FlightInfoSchema, bytes));
}

/** For messages with a nested FlightInfo. For use in this module only. */
export function fromFlightInfoMessage(message: FlightInfoMessage): FlightInfo {
  const descriptor = message.flightDescriptor;
  return {
    schema: asBuffer(message.schema),
    descriptor: descriptor === undefined ? undefined : fromDescriptorMessage(descriptor),
    endpoints: message.endpoint.map(fromEndpointMessage),
    ...(message.ordered && { ordered: true }),
    totalRecords: safeNumber(message.totalRecords, "FlightInfo.total_records"),
    totalBytes: safeNumber(message.totalBytes, "FlightInfo.total_bytes"),
    appMetadata: asBuffer(message.appMetadata),
  };
}

/** Like `fromFlightInfoMessage`. */
export function fromEndpointMessage(endpoint: FlightEndpointMessage): FlightEndpoint {
  return {
    ticket: asBuffer(endpoint.ticket?.ticket ?? NO_BYTES),
    locations: endpoint.location.map((location) => location.uri),
    ...(endpoint.expirationTime && { expirationTime: timestampDate(endpoint.expirationTime) }),
    ...(endpoint.appMetadata.length > 0 && { appMetadata: asBuffer(endpoint.appMetadata) }),
  };
}

/** @param ticket the bytes of formatTicket. */
export function encodeTicket(ticket: Uint8Array): Uint8Array {
  return firstField(ticket);
}

/** A smaller size takes one byte. */
const ONE_BYTE_SIZE_END = 0x80;

/**
 * The bytes inside the Ticket message, for parseTicket. Decodes the usual single short field
 * directly: a tenth of a small get.
 */
export function decodeTicket(bytes: Uint8Array): Buffer {
  const sizeBytes = bytes.length - 2;
  if (bytes[0] === FIRST_TAG && bytes[1] === sizeBytes && sizeBytes < ONE_BYTE_SIZE_END)
    return Buffer.from(bytes.buffer, bytes.byteOffset + 2, sizeBytes);
  return asBuffer(decodeRequestOf(TicketSchema, bytes).ticket);
}

/** @param schema the encapsulated schema message. */
export function encodeSchemaResult(schema: Uint8Array): Uint8Array {
  return firstField(schema);
}

export function decodeSchemaResult(bytes: Uint8Array): Buffer {
  return asBuffer(decodeMessageOf(SchemaResultSchema, bytes).schema);
}

export function encodePutResult(appMetadata: Uint8Array): Uint8Array {
  return firstField(appMetadata);
}

export function decodePutResult(bytes: Uint8Array): Buffer {
  return asBuffer(decodeMessageOf(PutResultSchema, bytes).appMetadata);
}

/**
 * @param expression what to list: text for the cache (docs/protocol.md, "Other methods"), any bytes
 * for other servers.
 */
export function encodeCriteria(expression: string | Uint8Array): Uint8Array {
  return toBinary(CriteriaSchema, create(CriteriaSchema, { expression: bytesOf(expression) }));
}

/** The expression as text. INVALID_REQUEST also if it is not UTF-8. */
export function decodeCriteria(bytes: Uint8Array): string {
  return decodeText(decodeRequestOf(CriteriaSchema, bytes).expression, "the criteria");
}

export function encodeAction(action: { readonly type: string; readonly body: Uint8Array }): Uint8Array {
  return toBinary(ActionSchema, create(ActionSchema, { type: action.type, body: action.body }));
}

export function decodeAction(bytes: Uint8Array): Action {
  const { type, body } = decodeRequestOf(ActionSchema, bytes);
  return { type, body: asBuffer(body) };
}

/** One answer of DoAction. */
export function encodeResult(body: Uint8Array): Uint8Array {
  return firstField(body);
}

export function decodeResult(bytes: Uint8Array): Buffer {
  return asBuffer(decodeMessageOf(ResultSchema, bytes).body);
}

export function encodeActionType(action: ActionType): Uint8Array {
  return toBinary(ActionTypeSchema, create(ActionTypeSchema, action));
}

export function decodeActionType(bytes: Uint8Array): ActionType {
  const { type, description } = decodeMessageOf(ActionTypeSchema, bytes);
  return { type, description };
}

/** One message from the client in a Handshake; protocol_version is 0, as in every client. */
export function encodeHandshakeRequest(payload: Uint8Array): Uint8Array {
  return toBinary(HandshakeRequestSchema, create(HandshakeRequestSchema, { payload }));
}

/** The payload of one answer. */
export function decodeHandshakeResponse(bytes: Uint8Array): Buffer {
  return asBuffer(decodeMessageOf(HandshakeResponseSchema, bytes).payload);
}

const NO_BYTES = new Uint8Array(0);
/** Field 1, of bytes. */
const FIRST_TAG = 0x0a;
