/**
 * The settings of a FlameCache. Options take precedence over the environment, then flame.yaml, then
 * defaults.
 *
 * The default endpoint is the one on which `flame-object-cache serve` listens by default, on this
 * host.
 */
import { resolve } from "node:path";
import { loadClientConfig } from "../../config/client-config.ts";
import {
  type ClientCredentials,
  readCredentials,
  type SourcedText,
} from "../../config/client-credentials.ts";
import { DEFAULT_PORT, endpointSchema, formatDialEndpoint } from "../../config/endpoint.ts";
import { readValue, wrongValue } from "../../config/pick-setting.ts";
import { readCaFile } from "../../config/tls-files.ts";
import { LIMITS } from "../../limits.ts";
import { resolveTableForm, type TableForm } from "../values/arrow-libraries.ts";
import { warnOfSecurity } from "./security-warning.ts";

export interface FlameCacheOptions {
  /**
   * `grpc://HOST:PORT`; with TLS `grpcs://` or `grpc+tls://`. Default: FLAME_CACHE_ENDPOINT,
   * flame.yaml, `grpc://127.0.0.1:9090`.
   */
  readonly endpoint?: string | undefined;
  /** PEM of the trusted certificate authorities; takes precedence over `caFile`. */
  readonly ca?: Buffer | string | undefined;
  /** A file with such a PEM. Default: FLAME_CA_FILE, flame.yaml, else the system's roots. */
  readonly caFile?: string | undefined;
  /**
   * Sent as `authorization: Bearer TOKEN` to the configured endpoint, and to endpoints that its
   * server returns for puts or names as its replicas. Takes precedence over `tokenFile`. Default: FLAME_CACHE_TOKEN.
   */
  readonly token?: string | undefined;
  /**
   * A file that contains the token, read again when it changes. Default: FLAME_CACHE_TOKEN_FILE,
   * flame.yaml.
   */
  readonly tokenFile?: string | undefined;
  /**
   * PEM files of a certificate and its key, for a server that authenticates clients by TLS. Both or
   * none. Default: FLAME_CACHE_CLIENT_CERT and FLAME_CACHE_CLIENT_KEY, flame.yaml.
   */
  readonly clientCertFile?: string | undefined;
  readonly clientKeyFile?: string | undefined;
  /** A flame.yaml, which must exist. Default: the one in FLAME_HOME or `~/.flame`, if it exists. */
  readonly configFile?: string | undefined;
  /** Milliseconds for each operation without a timeout of its own; default: no limit. */
  readonly timeoutMs?: number | undefined;
  /**
   * Encoded bytes of objects kept for conditional gets; 0 keeps none. Default
   * LIMITS.clientCacheBytesMax, 64 MiB.
   */
  readonly cacheBytesMax?: number | undefined;
  /**
   * Maximum bytes that a get collects; a larger object fails with OBJECT_TOO_LARGE. Default
   * LIMITS.fetchedBytesMax, 8 GiB.
   */
  readonly objectBytesMax?: number | undefined;
  /**
   * Whether to read the files of a server on this host directly. Default: FLAME_ZERO_COPY,
   * flame.yaml, true.
   */
  readonly zeroCopy?: boolean | undefined;
  /**
   * The form in which gets return tables. Default: `arrow` if apache-arrow is installed, else
   * `ipc`.
   */
  readonly tables?: TableForm | undefined;
  /** Default: the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

export interface FlameCacheSettings {
  /** The address that clients dial. */
  readonly endpoint: string;
  readonly ca: Buffer | undefined;
  readonly credentials: ClientCredentials;
  readonly timeoutMs: number | undefined;
  readonly cacheBytesMax: number;
  readonly objectBytesMax: number;
  readonly zeroCopy: boolean;
  readonly tables: TableForm;
}

const DEFAULT_ENDPOINT = `grpc://127.0.0.1:${DEFAULT_PORT}`;

/** @throws {CacheError} INVALID_CONFIG naming key, value and source. */
export async function resolveSettings(options: FlameCacheOptions): Promise<FlameCacheSettings> {
  const { env, configFile } = options;
  const { cache } = loadClientConfig({ ...(env && { env }), configFile });
  const given = options.endpoint ?? DEFAULT_ENDPOINT;
  const endpoint =
    options.endpoint === undefined && cache.endpoint !== undefined
      ? cache.endpoint
      : readValue(endpointSchema, given, { key: "endpoint", source: "options" });
  return {
    endpoint: formatDialEndpoint(endpoint),
    ca: readCa(options, cache.caFile),
    credentials: readCredentials({
      given: {
        token: named("token", options.token),
        tokenFile: namedPath("tokenFile", options.tokenFile),
        certFile: namedPath("clientCertFile", options.clientCertFile),
        keyFile: namedPath("clientKeyFile", options.clientKeyFile),
      },
      configured: cache.credentials,
      endpoint,
      warn: warnOfSecurity,
    }),
    timeoutMs: checkNumber("timeoutMs", options.timeoutMs, 1),
    cacheBytesMax: checkNumber("cacheBytesMax", options.cacheBytesMax, 0) ?? LIMITS.clientCacheBytesMax,
    objectBytesMax: checkNumber("objectBytesMax", options.objectBytesMax, 1) ?? LIMITS.fetchedBytesMax,
    zeroCopy: options.zeroCopy ?? cache.zeroCopy,
    tables: await resolveTableForm(options.tables),
  };
}

function readCa(options: FlameCacheOptions, configured: string | undefined): Buffer | undefined {
  if (options.ca !== undefined) return Buffer.from(options.ca);
  const file = options.caFile === undefined ? configured : resolve(options.caFile);
  return file === undefined ? undefined : readCaFile(file);
}

function named(option: string, text: string | undefined): SourcedText | undefined {
  return text === undefined ? undefined : { text, source: `option ${option}` };
}

function namedPath(option: string, path: string | undefined): SourcedText | undefined {
  return named(option, path === undefined ? undefined : resolve(path));
}

function checkNumber(key: string, value: number | undefined, min: number): number | undefined {
  if (value === undefined || value >= min) return value;
  throw wrongValue({ key, source: "options" }, value, `must be a number of at least ${min}`);
}
