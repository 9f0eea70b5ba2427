/**
 * The messages of grpc.health.v1: the service in question, and its status.
 *
 * An empty service name means the whole server. `serviceUnknown` is only an answer of Watch: for
 * Check the caller returns NOT_FOUND instead.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatusNumber,
} from "./generated/health_pb.ts";
import { decodeMessageOf, decodeRequestOf } from "./protobuf.ts";

export type ServingStatus = "unknown" | "serving" | "notServing" | "serviceUnknown";

const NUMBER_OF: Readonly<Record<ServingStatus, ServingStatusNumber>> = {
  unknown: ServingStatusNumber.UNKNOWN,
  serving: ServingStatusNumber.SERVING,
  notServing: ServingStatusNumber.NOT_SERVING,
  serviceUnknown: ServingStatusNumber.SERVICE_UNKNOWN,
};

/** @param service a service's full name; empty for the whole server. */
export function encodeHealthRequest(service: string): Uint8Array {
  return toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service }));
}

/**
 * The service's name. @throws {CacheError} INVALID_REQUEST if the bytes are not a
 * HealthCheckRequest.
 */
export function decodeHealthRequest(bytes: Uint8Array): string {
  return decodeRequestOf(HealthCheckRequestSchema, bytes).service;
}

export function encodeHealthResponse(status: ServingStatus): Uint8Array {
  return toBinary(
    HealthCheckResponseSchema,
    create(HealthCheckResponseSchema, { status: NUMBER_OF[status] }),
  );
}

/**
 * A status of a newer protocol is `unknown`. @throws {CacheError} INVALID_REQUEST if the bytes are
 * not a response.
 */
export function decodeHealthResponse(bytes: Uint8Array): ServingStatus {
  const { status } = decodeMessageOf(HealthCheckResponseSchema, bytes);
  const names = Object.keys(NUMBER_OF) as ServingStatus[];
  return names.find((name) => NUMBER_OF[name] === status) ?? "unknown";
}
