/**
 * What a FlightClient and its calls can be told, and how that is dialled.
 *
 * Nothing is read from the environment or a file here; config/client-config.ts does that for those who want it.
 */
import { type Endpoint, endpointSchema } from "../../config/endpoint.ts";
import { readValue } from "../../config/pick-setting.ts";
import type { GrpcClientOptions } from "../../grpc/client.ts";
import type { ClientTls } from "../../grpc/client-connection.ts";
import type { KeepaliveOptions } from "../../grpc/client-keepalive.ts";
import type { MetadataEntries } from "../../grpc/metadata.ts";

export interface FlightCallOptions {
  /** Headers of the call: lower-case names; text, or bytes under a name that ends in `-bin`. */
  readonly metadata?: MetadataEntries;
  /** Milliseconds for the whole call, the reading of its answers included; then it ends with DEADLINE_EXCEEDED. */
  readonly timeoutMs?: number;
  /** Ends the call with an AbortError (code CANCELLED), the signal's reason as its cause. */
  readonly signal?: AbortSignal;
}

export interface FlightClientOptions {
  /** `grpc://HOST:PORT`; with TLS `grpc+tls://` or `grpcs://`. `grpc+tcp://` is `grpc://`. */
  readonly endpoint: string;
  /** PEM of who may vouch for the server; default: the system's roots. */
  readonly ca?: Buffer;
  /** PEM, both, for a server that wants to know its clients. */
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** Headers of every call; those of a call go before them. */
  readonly metadata?: MetadataEntries;
  /** For every call that names none. */
  readonly timeoutMs?: number;
  /** Until a connection is there, TLS included; default LIMITS.connectTimeoutMs. */
  readonly connectTimeoutMs?: number;
  /** How a server that vanished is noticed. */
  readonly keepalive?: KeepaliveOptions;
}

/** @throws {CacheError} INVALID_CONFIG when the endpoint is not one */
export function readDialOptions(options: FlightClientOptions): {
  endpoint: Endpoint;
  dial: GrpcClientOptions;
} {
  const { ca, cert, key, keepalive, connectTimeoutMs } = options;
  const endpoint = readValue(endpointSchema, options.endpoint, { key: "endpoint", source: "FlightClient" });
  const files: ClientTls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  const tls = endpoint.scheme === "grpcs" ? files : undefined;
  return { endpoint, dial: { host: endpoint.host, port: endpoint.port, tls, keepalive, connectTimeoutMs } };
}
