/**
 * PollInfo: the progress of a long query, and how to poll again (PollFlightInfo).
 *
 * Only clients decode it; the cache does not implement the method. Bytes are views of the input.
 */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type FlightDescriptor, fromDescriptorMessage } from "./descriptor.ts";
import { PollInfoSchema } from "./generated/flight_pb.ts";
import { type FlightInfo, fromFlightInfoMessage } from "./messages.ts";
import { decodeMessageOf } from "./protobuf.ts";

export interface PollInfo {
  /** The results so far, or all of them if `descriptor` is undefined. */
  readonly info: FlightInfo | undefined;
  /** The descriptor for the next poll; undefined if the query is done. */
  readonly descriptor: FlightDescriptor | undefined;
  /** From 0 to 1; undefined if unknown. */
  readonly progress: number | undefined;
  /** Until when another poll is possible; undefined if unknown. */
  readonly expirationTime: Date | undefined;
}

/** @throws {CacheError} INVALID_REQUEST if the bytes are not a PollInfo. */
export function decodePollInfo(bytes: Uint8Array): PollInfo {
  const { info, flightDescriptor, progress, expirationTime } = decodeMessageOf(PollInfoSchema, bytes);
  return {
    info: info && fromFlightInfoMessage(info),
    descriptor: flightDescriptor && fromDescriptorMessage(flightDescriptor),
    progress,
    expirationTime: expirationTime && timestampDate(expirationTime),
  };
}
