/**
 * The methods of the services that the cache knows: path on the wire and streaming directions.
 *
 * Lists every method of Arrow Flight; the service decides which it implements.
 */

export type MethodKind = "unary" | "clientStreaming" | "serverStreaming" | "bidiStreaming";

export interface Method {
  /** The `:path` of the call. */
  readonly path: string;
  readonly kind: MethodKind;
}

export const FLIGHT_SERVICE = "arrow.flight.protocol.FlightService";
export const HEALTH_SERVICE = "grpc.health.v1.Health";

export const FLIGHT_METHODS = {
  Handshake: method(FLIGHT_SERVICE, "Handshake", "bidiStreaming"),
  ListFlights: method(FLIGHT_SERVICE, "ListFlights", "serverStreaming"),
  GetFlightInfo: method(FLIGHT_SERVICE, "GetFlightInfo", "unary"),
  PollFlightInfo: method(FLIGHT_SERVICE, "PollFlightInfo", "unary"),
  GetSchema: method(FLIGHT_SERVICE, "GetSchema", "unary"),
  DoGet: method(FLIGHT_SERVICE, "DoGet", "serverStreaming"),
  DoPut: method(FLIGHT_SERVICE, "DoPut", "bidiStreaming"),
  DoExchange: method(FLIGHT_SERVICE, "DoExchange", "bidiStreaming"),
  DoAction: method(FLIGHT_SERVICE, "DoAction", "serverStreaming"),
  ListActions: method(FLIGHT_SERVICE, "ListActions", "serverStreaming"),
} as const;

export const HEALTH_METHODS = {
  Check: method(HEALTH_SERVICE, "Check", "unary"),
  Watch: method(HEALTH_SERVICE, "Watch", "serverStreaming"),
} as const;

/** The same method in the two versions of the protocol. */
export const REFLECTION_METHODS = {
  v1: method("grpc.reflection.v1.ServerReflection", "ServerReflectionInfo", "bidiStreaming"),
  v1alpha: method("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo", "bidiStreaming"),
} as const;

function method(service: string, name: string, kind: MethodKind): Method {
  return { path: `/${service}/${name}`, kind };
}
