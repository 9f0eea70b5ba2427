/**
 * Decides which cache a verb connects to.
 *
 * Endpoint: `--endpoint`, else FLAME_CACHE_ENDPOINT, else flame.yaml, else the default address.
 * Certificates for TLS: `--ca-file`, else FLAME_CA_FILE, else flame.yaml, else those of the system.
 */
import fs from "node:fs";
import { type ClientConfig, loadClientConfig } from "../config/client-config.ts";
import { DEFAULT_PORT, type Endpoint, endpointSchema, formatDialEndpoint } from "../config/endpoint.ts";
import { readValue, wrongValue } from "../config/pick-setting.ts";
import type { CommandContext } from "./command-context.ts";

export interface EndpointOptions {
  readonly endpoint?: string;
  readonly caFile?: string;
}

export interface DialledCache {
  /** `grpc://HOST:PORT` or `grpc+tls://HOST:PORT`. */
  readonly endpoint: string;
  /** PEM. */
  readonly ca?: Buffer;
}

const DEFAULT_ENDPOINT: Endpoint = { scheme: "grpc", host: "127.0.0.1", port: DEFAULT_PORT };

/** @throws {CacheError} INVALID_CONFIG naming key, value and source. */
export function findCache(options: EndpointOptions, env: CommandContext["env"]): DialledCache {
  const config = loadClientConfig(env && { env });
  const endpoint =
    options.endpoint === undefined
      ? (config.cache.endpoint ?? DEFAULT_ENDPOINT)
      : readValue(endpointSchema, options.endpoint, { key: "cache.endpoint", source: "--endpoint" });
  const ca = endpoint.scheme === "grpcs" ? readCaFile(options, config) : undefined;
  return { endpoint: formatDialEndpoint(endpoint), ...(ca && { ca }) };
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
