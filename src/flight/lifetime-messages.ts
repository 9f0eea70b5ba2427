/**
 * The bodies of two standard actions: RenewFlightEndpoint extends an endpoint's time,
 * CancelFlightInfo releases a flight.
 *
 *     RenewFlightEndpoint   RenewFlightEndpointRequest -> FlightEndpoint
 *     CancelFlightInfo      CancelFlightInfoRequest -> CancelFlightInfoResult
 *
 * Every decode function throws INVALID_REQUEST if the bytes are not its message.
 * Source: Flight.proto of Apache Arrow for the nested messages, the Arrow Flight RPC specification
 * for the actions.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { CacheError } from "../errors.ts";
import {
  CancelFlightInfoRequestSchema,
  CancelFlightInfoResultSchema,
  CancelStatus,
  FlightEndpointSchema,
  RenewFlightEndpointRequestSchema,
} from "./generated/flight_pb.ts";
import {
  type FlightEndpoint,
  type FlightInfo,
  fromEndpointMessage,
  fromFlightInfoMessage,
  toEndpointMessage,
  toFlightInfoMessage,
} from "./messages.ts";
import { decodeMessageOf, decodeRequestOf } from "./protobuf.ts";

export const RENEW_FLIGHT_ENDPOINT = "RenewFlightEndpoint";
export const CANCEL_FLIGHT_INFO = "CancelFlightInfo";

export type CancelOutcome = "cancelled" | "cancelling" | "notCancellable" | "unspecified";

const OUTCOMES = {
  unspecified: CancelStatus.UNSPECIFIED,
  cancelled: CancelStatus.CANCELLED,
  cancelling: CancelStatus.CANCELLING,
  notCancellable: CancelStatus.NOT_CANCELLABLE,
} as const;

export function encodeEndpoint(endpoint: FlightEndpoint): Uint8Array {
  return toBinary(FlightEndpointSchema, toEndpointMessage(endpoint));
}

export function decodeEndpoint(bytes: Uint8Array): FlightEndpoint {
  return fromEndpointMessage(decodeMessageOf(FlightEndpointSchema, bytes));
}

export function encodeRenewRequest(endpoint: FlightEndpoint): Uint8Array {
  const request = create(RenewFlightEndpointRequestSchema, { endpoint: toEndpointMessage(endpoint) });
  return toBinary(RenewFlightEndpointRequestSchema, request);
}

/** The endpoint to renew. */
export function decodeRenewRequest(bytes: Uint8Array): FlightEndpoint {
  const { endpoint } = decodeRequestOf(RenewFlightEndpointRequestSchema, bytes);
  if (endpoint === undefined) throw new CacheError("INVALID_REQUEST", "the request names no endpoint");
  return fromEndpointMessage(endpoint);
}

export function encodeCancelRequest(info: FlightInfo): Uint8Array {
  const request = create(CancelFlightInfoRequestSchema, { info: toFlightInfoMessage(info) });
  return toBinary(CancelFlightInfoRequestSchema, request);
}

/** The flight to cancel. */
export function decodeCancelRequest(bytes: Uint8Array): FlightInfo {
  const { info } = decodeRequestOf(CancelFlightInfoRequestSchema, bytes);
  if (info === undefined) throw new CacheError("INVALID_REQUEST", "the request names no flight");
  return fromFlightInfoMessage(info);
}

export function encodeCancelResult(outcome: CancelOutcome): Uint8Array {
  const result = create(CancelFlightInfoResultSchema, { status: OUTCOMES[outcome] });
  return toBinary(CancelFlightInfoResultSchema, result);
}

/** A status of a newer version is unspecified. */
export function decodeCancelResult(bytes: Uint8Array): CancelOutcome {
  const { status } = decodeMessageOf(CancelFlightInfoResultSchema, bytes);
  const outcomes = Object.keys(OUTCOMES) as CancelOutcome[];
  return outcomes.find((outcome) => OUTCOMES[outcome] === status) ?? "unspecified";
}
