/**
 * The door `flame-object-cache/client`: clients of the cache, and of any Arrow Flight server.
 *
 * `FlightClient` is the plain layer, a method per RPC.
 */
export { CacheError, type ErrorCode, isCacheError } from "../errors.ts";
export type { FlightDescriptor } from "../flight/descriptor.ts";
export type { ActionType, FlightEndpoint, FlightInfo } from "../flight/messages.ts";
export type { PollInfo } from "../flight/poll-info.ts";
export type { KeepaliveOptions } from "../grpc/client-keepalive.ts";
export type { MetadataEntries } from "../grpc/metadata.ts";
export { GrpcError, type StatusName } from "../grpc/status.ts";
export { type FlightCallOptions, FlightClient, type FlightClientOptions } from "./flight/flight-client.ts";
export type { IncomingFlightData } from "./flight/incoming-flight-data.ts";
export type {
  OutgoingFlightData,
  OutgoingFlightMessages,
  StreamedBody,
} from "./flight/outgoing-flight-data.ts";
