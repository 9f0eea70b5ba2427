/**
 * The options of a FlightClient and of its calls, and how they become dial options.
 *
 * Reads neither the environment nor a file; config/client-config.ts does.
 */
import { type Endpoint, endpointSchema } from "../../config/endpoint.ts";
import { readValue } from "../../config/pick-setting.ts";
import type { GrpcClientOptions } from "../../grpc/client.ts";
import type { ClientTls } from "../../grpc/client-connection.ts";
import type { KeepaliveOptions } from "../../grpc/client-keepalive.ts";
import type { MetadataEntries } from "../../grpc/metadata.ts";

export interface FlightCallOptions {
  /**
   * Headers of the call: lower-case names; values are text, or bytes if the name ends in `-bin`.
   */
  readonly metadata?: MetadataEntries;
  /** Milliseconds for the call until its last answer; then it fails with DEADLINE_EXCEEDED. */
  readonly timeoutMs?: number;
  /** Ends the call with an AbortError (code CANCELLED), whose cause is the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface FlightClientOptions {
  /** `grpc://HOST:PORT`; with TLS `grpc+tls://` or `grpcs://`. `grpc+tcp://` is `grpc://`. */
  readonly endpoint: string;
  /** PEM of the trusted certificate authorities; default: the system's roots. */
  readonly ca?: Buffer;
  /** PEM of certificate and key, for a server that authenticates clients. */
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /**
   * Headers of every call; those of a call take precedence. A function is called for each call, for
   * headers that change, such as a token.
   */
  readonly metadata?: MetadataEntries | (() => MetadataEntries);
  /** For each call without a timeout of its own. */
  readonly timeoutMs?: number;
  /** Until a connection is open, TLS included; default LIMITS.connectTimeoutMs. */
  readonly connectTimeoutMs?: number;
  /** How to detect a lost server. */
  readonly keepalive?: KeepaliveOptions;
}

/** @throws {CacheError} INVALID_CONFIG for an invalid endpoint */
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
