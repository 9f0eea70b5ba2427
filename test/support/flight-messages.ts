/**
 * FlightData as clients send and receive it: whole puts as lists of messages, and answers taken apart.
 */
import { decodeMessage, type IpcMessage } from "../../src/arrow/message.ts";
import { decodeSchema } from "../../src/arrow/schema.ts";
import { encodeDescriptor } from "../../src/flight/descriptor.ts";
import { FlightDataDecoder } from "../../src/flight/flight-data-decoder.ts";
import { encodeFlightDataHead } from "../../src/flight/flight-data-encoder.ts";
import { CLIENT_OPAQUE_SCHEMA, encodeOpaqueBatch, type IpcParts, type OpaqueBatch } from "./opaque-batch.ts";

export interface FlightMessage {
  readonly descriptor?: Uint8Array;
  readonly header?: Uint8Array;
  readonly body?: Uint8Array;
  readonly appMetadata?: string;
}

const NOTHING = new Uint8Array(0);

export function flightData({ descriptor, header, body = NOTHING, appMetadata = "" }: FlightMessage): Buffer {
  const head = encodeFlightDataHead({
    descriptor,
    dataHeader: header ?? NOTHING,
    appMetadata: Buffer.from(appMetadata),
    bodySizeBytes: body.length,
  });
  return Buffer.concat([...head, body]);
}

export function pathDescriptor(...path: readonly string[]): Uint8Array {
  return encodeDescriptor({ kind: "path", path });
}

export function commandDescriptor(command: string): Uint8Array {
  return encodeDescriptor({ kind: "command", command });
}

/** The messages of a put: descriptor and schema first, then a batch each. */
export function putMessages(
  descriptor: Uint8Array,
  schemaHeader: Uint8Array,
  batches: readonly (Pick<FlightMessage, "appMetadata"> & { header: Uint8Array; body: Uint8Array })[],
): Buffer[] {
  return [flightData({ descriptor, header: schemaHeader }), ...batches.map(flightData)];
}

/** An opaque put of one batch per list of cells. */
export function opaquePut(descriptor: Uint8Array, ...batches: readonly OpaqueBatch[]): Buffer[] {
  return putMessages(descriptor, CLIENT_OPAQUE_SCHEMA, batches.map(encodeOpaqueBatch));
}

/** An opaque put of one value in one row. */
export function valuePut(descriptor: Uint8Array, value: string | Uint8Array): Buffer[] {
  return opaquePut(descriptor, { cells: [Buffer.from(value)] });
}

export interface ReceivedMessage extends IpcParts {
  readonly appMetadata: string;
  readonly message: IpcMessage;
}

/** Takes one FlightData apart. */
export function receiveFlightData(bytes: Buffer): ReceivedMessage {
  const decoder = new FlightDataDecoder();
  decoder.begin(bytes.length);
  const body = decoder.push(bytes);
  body.push(...decoder.end());
  const header = decoder.head!.dataHeader;
  return {
    header,
    body: Buffer.concat(body),
    appMetadata: decoder.appMetadata.toString(),
    message: decodeMessage(header),
  };
}

/** One row of an answer about an opaque object. */
export interface OpaqueRow {
  readonly version: number;
  readonly kind?: string;
  readonly data: string;
}

/** The rows of an opaque answer, columns by name; uncompressed, as they are unless they were put otherwise. */
export function opaqueRows([schema, ...batches]: readonly ReceivedMessage[]): OpaqueRow[] {
  const names = decodeSchema(schema!.header).fields.map((field) => field.name);
  return batches.flatMap(({ message, body }) => {
    if (message.kind !== "recordBatch") throw new Error("an opaque answer has record batches only");
    const buffers = message.batch
      .buffers()
      .map(({ offset, sizeBytes }) => body.subarray(offset, offset + sizeBytes));
    const version = Number(buffers[1]!.readBigUInt64LE(0));
    const data = textCell(buffers.at(-2)!, buffers.at(-1)!);
    return names.includes("kind")
      ? [{ version, kind: textCell(buffers[3]!, buffers[4]!), data }]
      : [{ version, data }];
  });
}

function textCell(offsets: Buffer, values: Buffer): string {
  return values.toString("utf8", offsets.readInt32LE(0), offsets.readInt32LE(4));
}
