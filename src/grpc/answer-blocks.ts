/**
 * The header blocks of an answer: response headers, trailers, and both in one for an answer without
 * messages.
 *
 * The blocks that nearly every call uses are encoded once.
 * Source: grpc/doc/PROTOCOL-HTTP2.md, "Responses".
 */
import { encodeHeaderBlock } from "../http2/hpack-encoder.ts";
import { ACCEPTED_ENCODINGS } from "./inflated-message.ts";
import { type CallStatus, STATUS_OK } from "./status.ts";
import { encodeStatusMessage } from "./status-message.ts";

type Trailers = Readonly<Record<string, string>>;

const RESPONSE_FIELDS = [
  [":status", "200"],
  ["content-type", "application/grpc"],
  ["grpc-accept-encoding", ACCEPTED_ENCODINGS],
] as const;

export const RESPONSE_BLOCK: Buffer = encodeHeaderBlock(RESPONSE_FIELDS);
const OK_BLOCK = encodeHeaderBlock([["grpc-status", "0"]]);

/** Trailers after messages. */
export function trailersBlock(status: CallStatus, trailers: Trailers): Buffer {
  for (const _ in trailers) return encodeHeaderBlock(statusFields(status, trailers));
  return status === STATUS_OK ? OK_BLOCK : encodeHeaderBlock(statusFields(status, trailers));
}

/** An answer without messages (Trailers-Only). */
export function refusalBlock(status: CallStatus, trailers: Trailers): Buffer {
  return encodeHeaderBlock([...RESPONSE_FIELDS, ...statusFields(status, trailers)]);
}

function statusFields(status: CallStatus, trailers: Trailers): [string, string][] {
  const fields = Object.entries(trailers);
  fields.push(["grpc-status", String(status.code)]);
  if (status.message !== "") fields.push(["grpc-message", encodeStatusMessage(status.message)]);
  return fields;
}
