/**
 * PollInfo: how far a query is that takes its time, and where to ask again (PollFlightInfo).
 *
 * Only clients read it; the cache offers no such method. Bytes are views of the input.
 */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type FlightDescriptor, fromDescriptorMessage } from "./descriptor.ts";
import { PollInfoSchema } from "./generated/flight_pb.ts";
import { type FlightInfo, fromFlightInfoMessage } from "./messages.ts";
import { decodeMessageOf } from "./protobuf.ts";

export interface PollInfo {
  /** What can be had so far, or all of it when `descriptor` is undefined. */
  readonly info: FlightInfo | undefined;
  /** What to ask with next; undefined when the query is done. */
  readonly descriptor: FlightDescriptor | undefined;
  /** From 0 to 1; undefined when not known. */
  readonly progress: number | undefined;
  /** Until when may be asked again; undefined when not told. */
  readonly expirationTime: Date | undefined;
}

/** @throws {CacheError} INVALID_REQUEST when the bytes are not a PollInfo. */
export function decodePollInfo(bytes: Uint8Array): PollInfo {
  const { info, flightDescriptor, progress, expirationTime } = decodeMessageOf(PollInfoSchema, bytes);
  return {
    info: info && fromFlightInfoMessage(info),
    descriptor: flightDescriptor && fromDescriptorMessage(flightDescriptor),
    progress,
    expirationTime: expirationTime && timestampDate(expirationTime),
  };
}
