/**
 * Bytes that attacks send: gRPC messages of Flight calls, whole and begun.
 *
 * A begun message announces a size and brings less.
 */

import { encodeRecordBatchMessage } from "../../src/arrow/message-writer.ts";
import { encodeFlightDataHead, FLIGHT_DATA_TAGS } from "../../src/flight/flight-data-encoder.ts";
import { encodeAction, encodeTicket } from "../../src/flight/messages.ts";
import { FLIGHT_METHODS, HEALTH_METHODS } from "../../src/flight/methods.ts";
import { flightData, pathDescriptor } from "../support/flight-messages.ts";
import { CLIENT_OPAQUE_SCHEMA } from "../support/opaque-batch.ts";

export const PATHS = {
  get: FLIGHT_METHODS.DoGet.path,
  put: FLIGHT_METHODS.DoPut.path,
  action: FLIGHT_METHODS.DoAction.path,
  list: FLIGHT_METHODS.ListFlights.path,
  check: HEALTH_METHODS.Check.path,
  watch: HEALTH_METHODS.Watch.path,
} as const;

/** A gRPC message, prefix first. */
export function grpcMessage(body: Uint8Array, announcedBytes = body.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(announcedBytes, 1);
  return Buffer.concat([prefix, body]);
}

export function grpcMessages(bodies: readonly Uint8Array[]): Buffer {
  return Buffer.concat(bodies.map((body) => grpcMessage(body)));
}

export function getRequest(key: string | Uint8Array): Buffer {
  return grpcMessage(encodeTicket(Buffer.from(key as string)));
}

export function actionRequest(type: string, body: Uint8Array): Buffer {
  return grpcMessage(encodeAction({ type, body }));
}

/** The stream of a connection's call of this number. */
export const streamOf = (number: number): number => 2 * number + 1;

/** A gRPC message of one field of FlightData, up to where its value begins. */
export function begunField(tag: number, sizeBytes: number): Buffer {
  const start = Buffer.from([...varint(tag), ...varint(sizeBytes)]);
  return grpcMessage(start, start.length + sizeBytes);
}

export const FIELD = FLIGHT_DATA_TAGS;

/** Any protobuf integer, and the sizes of what is nested. */
export function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) + 0x80, ...varint(Math.floor(value / 0x80))];
}

/** A field of bytes of a protobuf message. */
export function bytesField(number: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([...varint(8 * number + 2), ...varint(value.length)]), value]);
}

/** A put of one opaque value up to where its bytes begin: the server knows then how many are to come. */
export function announcedPut(objectId: string, sizeBytes: number): Buffer {
  const ranges = [0, 8, 0, 8, sizeBytes];
  const bodySizeBytes = 16 + sizeBytes;
  const dataHeader = encodeRecordBatchMessage({
    rowCount: 1,
    nodes: [
      { length: 1, nullCount: 0 },
      { length: 1, nullCount: 0 },
    ],
    buffers: ranges.map((size, i) => ({ offset: [0, 0, 8, 8, 16][i] ?? 0, sizeBytes: size })),
    bodySizeBytes,
  });
  const head = Buffer.concat(encodeFlightDataHead({ dataHeader, bodySizeBytes }));
  const schema = flightData({
    descriptor: pathDescriptor("attack/s", objectId),
    header: CLIENT_OPAQUE_SCHEMA,
  });
  return Buffer.concat([grpcMessage(schema), grpcMessage(head, head.length + bodySizeBytes)]);
}
