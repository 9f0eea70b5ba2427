/**
 * The entry point `flame-object-cache/client`: clients of the cache, and of any Arrow Flight
 * server.
 *
 * `FlameCache` and its functions put and get values. `FlightClient` is the lower layer, with one
 * method per RPC.
 */
export { AbortError, CacheError, type ErrorCode, isCacheError } from "../errors.ts";
export type { FlightDescriptor } from "../flight/descriptor.ts";
export type { ActionType, FlightEndpoint, FlightInfo } from "../flight/messages.ts";
export type { PollInfo } from "../flight/poll-info.ts";
export type { KeepaliveOptions } from "../grpc/client-keepalive.ts";
export type { MetadataEntries } from "../grpc/metadata.ts";
export { GrpcError, type StatusName } from "../grpc/status.ts";
export { decodeObjectRef, encodeObjectRef, type ObjectRef } from "../object/object-ref.ts";
export type { FlameCacheOptions } from "./cache/connect-options.ts";
export { FlameCache } from "./cache/flame-cache.ts";
export {
  deleteObjects,
  downloadFile,
  getObject,
  listObjects,
  patchObject,
  pinObject,
  putObject,
  unpinObject,
  updateObject,
  uploadFile,
} from "./cache/functions.ts";
export type { GetOptions, ReadOptions } from "./cache/get-options.ts";
export type { ObjectInfo } from "./cache/object-info.ts";
export type { RefLike } from "./cache/object-target.ts";
export type { OperationOptions } from "./cache/repeat-call.ts";
export type { PinOptions, PutOptions, RenewOptions } from "./cache/retention-calls.ts";
export type { PutStreamItems } from "./cache/streamed-put.ts";
export { type FlightCallOptions, FlightClient, type FlightClientOptions } from "./flight/flight-client.ts";
export type { IncomingFlightData } from "./flight/incoming-flight-data.ts";
export { flightToIpc, ipcToFlight } from "./flight/ipc-stream.ts";
export type {
  OutgoingFlightData,
  OutgoingFlightMessages,
  StreamedBody,
} from "./flight/outgoing-flight-data.ts";
export type { TableForm } from "./values/arrow-libraries.ts";
export { IpcTable } from "./values/ipc-table.ts";
export type { JsonValue } from "./values/json-value.ts";
export { Tensor, type TensorData } from "./values/tensor.ts";
