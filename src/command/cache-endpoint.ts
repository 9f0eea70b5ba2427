/**
 * Decides which cache a verb connects to, and what the verb presents to it.
 *
 * Endpoint: `--endpoint`, else FLAME_CACHE_ENDPOINT, else flame.yaml, else the default address.
 * Certificates, token and client certificate: their option, else their variable, else flame.yaml.
 * There is no option for the token itself, because every user of a host can read command lines.
 */
import fs from "node:fs";
import { resolve } from "node:path";
import { isThisHost } from "../client/cache/local/this-host.ts";
import { bearerMetadata, warnOfPlaintext } from "../client/flight/bearer-token.ts";
import type { FlightClientOptions } from "../client/flight/flight-client.ts";
import { type ClientConfig, loadClientConfig } from "../config/client-config.ts";
import { NO_CREDENTIALS, readCredentials, type SourcedText } from "../config/client-credentials.ts";
import { DEFAULT_PORT, type Endpoint, endpointSchema, formatDialEndpoint } from "../config/endpoint.ts";
import { readValue, wrongValue } from "../config/pick-setting.ts";
import type { Warn } from "../config/warn-once.ts";
import type { CommandContext } from "./command-context.ts";

export interface EndpointOptions {
  readonly endpoint?: string;
  /**
   * An endpoint in an argument of the verb. The credentials of environment and flame.yaml are for the
   * configured endpoint, so another one gets only those of options.
   */
  readonly place?: string;
  readonly caFile?: string;
  readonly tokenFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** The options of a client, and what messages about it need. */
export interface DialledCache extends FlightClientOptions {
  /** `grpc://HOST:PORT` or `grpc+tls://HOST:PORT`. */
  readonly endpoint: string;
  /** `--token-file`, `FLAME_CACHE_TOKEN` or `FILE:LINE`; undefined: no token is sent. */
  readonly tokenSource: string | undefined;
  /** True for an endpoint in an argument that is not the configured one. */
  readonly isForeign: boolean;
}

const DEFAULT_ENDPOINT: Endpoint = { scheme: "grpc", host: "127.0.0.1", port: DEFAULT_PORT };

/** The cache of the options. @throws {CacheError} INVALID_CONFIG naming key, value and source. */
export function findCache(options: EndpointOptions, env: CommandContext["env"], warn: Warn): DialledCache {
  const config = loadClientConfig(env && { env });
  const configured =
    options.endpoint === undefined
      ? (config.cache.endpoint ?? DEFAULT_ENDPOINT)
      : readValue(endpointSchema, options.endpoint, { key: "cache.endpoint", source: "--endpoint" });
  const { certFile, keyFile, tokenFile, place } = options;
  const endpoint =
    place === undefined
      ? configured
      : readValue(endpointSchema, place, { key: "endpoint", source: "argument" });
  const dialled = formatDialEndpoint(endpoint);
  const isForeign = dialled !== formatDialEndpoint(configured);
  const { token, certificate } = readCredentials({
    given: {
      tokenFile: namedPath("--token-file", tokenFile),
      certFile: namedPath("--cert-file", certFile),
      keyFile: namedPath("--key-file", keyFile),
    },
    configured: isForeign ? NO_CREDENTIALS : config.cache.credentials,
    endpoint,
    warn,
  });
  const ca = endpoint.scheme === "grpcs" ? readCaFile(options, config) : undefined;
  if (token !== undefined) warnOfPlaintext(dialled, isThisHost(endpoint.host), warn);
  return {
    endpoint: dialled,
    tokenSource: token?.source,
    isForeign,
    ...(ca && { ca }),
    ...certificate,
    ...(token && { metadata: bearerMetadata(token) }),
  };
}

function namedPath(source: string, path: string | undefined): SourcedText | undefined {
  return path === undefined ? undefined : { text: resolve(path), source };
}

function readCaFile(options: EndpointOptions, config: ClientConfig): Buffer | undefined {
  const path = options.caFile ?? config.cache.caFile;
  if (path === undefined) return undefined;
  const source = options.caFile === undefined ? "the client configuration" : "--ca-file";
  try {
    return fs.readFileSync(path);
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "no file";
    throw wrongValue({ key: "cache.tls.ca_file", source }, path, `cannot be read (${reason})`);
  }
}
