/**
 * Loads the configuration of a client: the environment overrides flame.yaml.
 *
 * flame.yaml may list several clusters or contexts; the current one applies. If neither source names
 * an endpoint, the client uses its default. The client looks for the file in FLAME_HOME if that is
 * set, and then in `~/.flame`, because some installations set FLAME_HOME to the directory of the
 * services.
 */
import { dirname, join, resolve } from "node:path";
import { CacheError } from "../errors.ts";
import type { StorageConfig } from "./cache-config.ts";
import type { ConfiguredCredentials, NamedCredentials, SourcedText } from "./client-credentials.ts";
import { type Endpoint, endpointSchema, formatDialEndpoint } from "./endpoint.ts";
import { type Environment, flameHome, readVariable, userHome } from "./flame-home.ts";
import { type FlameYamlEntry, readFlameYaml } from "./flame-yaml.ts";
import { readValue } from "./pick-setting.ts";
import { SETTINGS } from "./settings.ts";
import { resolvePath, resolveStorage, storageLocationSchema } from "./storage-location.ts";
import { switchSchema } from "./switch-schema.ts";
import { readYamlFile, type YamlFile } from "./yaml-file.ts";

export interface ClientConfig {
  /** Name of the cluster or context; undefined without a file. */
  readonly name: string | undefined;
  /** The endpoint of the cluster, not of the cache, as written in the file. */
  readonly clusterEndpoint: string | undefined;
  readonly cache: {
    readonly endpoint: Endpoint | undefined;
    /** The storage directory if this client shares it with the server, else `none`. */
    readonly storage: StorageConfig;
    /** Absolute path of a PEM file. */
    readonly caFile: string | undefined;
    /** Whether the client reads the files of a server on the same host directly. Default: true. */
    readonly zeroCopy: boolean;
    readonly credentials: ConfiguredCredentials;
  };
}

export interface ClientConfigOptions {
  /** Defaults to the environment of the process. */
  readonly env?: Environment;
  /** Path of a flame.yaml, which must exist. */
  readonly configFile?: string | undefined;
}

export const CLIENT_FILE_NAME = "flame.yaml";
/** Settings of clients only; the server does not read them. */
const ZERO_COPY_VARIABLE = "FLAME_ZERO_COPY";
const TOKEN_VARIABLE = "FLAME_CACHE_TOKEN";
const TOKEN_FILE_VARIABLE = "FLAME_CACHE_TOKEN_FILE";
const CLIENT_CERT_VARIABLE = "FLAME_CACHE_CLIENT_CERT";
const CLIENT_KEY_VARIABLE = "FLAME_CACHE_CLIENT_KEY";

/** @throws {CacheError} INVALID_CONFIG naming key, value and source. */
export function loadClientConfig(options: ClientConfigOptions = {}): ClientConfig {
  const env = options.env ?? process.env;
  const file = findFile(env, options.configFile);
  const entry = file && readFlameYaml(file);
  const endpoint = pick(env, SETTINGS.endpoint.variable, entry, {
    value: entry?.cacheEndpoint,
    at: "endpoint",
  });
  const storage = pick(env, SETTINGS.storage.variable, entry, { value: entry?.cacheStorage, at: "storage" });
  const zeroCopy = pick(env, ZERO_COPY_VARIABLE, entry, { value: entry?.zeroCopy, at: "zero_copy" });
  return {
    name: entry?.name,
    clusterEndpoint: entry?.clusterEndpoint,
    cache: {
      endpoint: endpoint && readValue(endpointSchema, endpoint.text, endpoint),
      storage: resolveStorage(
        storage ? readValue(storageLocationSchema, storage.text, storage) : { kind: "none" },
        {
          directory: flameHome(env),
          userHome: userHome(env),
        },
      ),
      caFile: (pathInEnvironment(env, SETTINGS.caFile.variable) ?? pathInFile(env, file, entry, "caFile"))
        ?.text,
      zeroCopy: zeroCopy === undefined || readValue(switchSchema, zeroCopy.text, zeroCopy),
      credentials: credentialsOf(env, file, entry),
    },
  };
}

function findFile(env: Environment, named: string | undefined): YamlFile | undefined {
  if (named !== undefined) {
    const file = readYamlFile(resolve(named));
    if (file !== undefined) return file;
    throw new CacheError(
      "INVALID_CONFIG",
      `the client configuration file does not exist: got ${JSON.stringify(named)}`,
      {
        facts: { key: "configFile", value: named },
      },
    );
  }
  return (
    readYamlFile(join(flameHome(env), CLIENT_FILE_NAME)) ??
    readYamlFile(join(userHome(env), ".flame", CLIENT_FILE_NAME))
  );
}

interface PickedText {
  readonly text: string;
  readonly key: string;
  readonly source: string;
}

function pick(
  env: Environment,
  variable: string,
  entry: FlameYamlEntry | undefined,
  inFile: { readonly value: string | undefined; readonly at: string },
): PickedText | undefined {
  const key = `cache.${inFile.at}`;
  const text = readVariable(env, variable);
  if (text !== undefined) return { text, key, source: variable };
  if (entry === undefined || inFile.value === undefined) return undefined;
  return { text: inFile.value, key, source: entry.placeOf("cache", inFile.at) };
}

/** A relative path in a variable is under the working directory. */
function pathInEnvironment(env: Environment, variable: string): SourcedText | undefined {
  const text = readVariable(env, variable);
  if (text === undefined) return undefined;
  return { text: resolvePath(text, { directory: resolve("."), userHome: userHome(env) }), source: variable };
}

/** The paths in flame.yaml, by their names in FlameYamlEntry. */
const PATH_KEYS = {
  caFile: ["tls", "ca_file"],
  tokenFile: ["token_file"],
  clientCertFile: ["client_cert_file"],
  clientKeyFile: ["client_key_file"],
} as const;

/** A relative path in the file is under the file's directory. */
function pathInFile(
  env: Environment,
  file: YamlFile | undefined,
  entry: FlameYamlEntry | undefined,
  name: keyof typeof PATH_KEYS,
): SourcedText | undefined {
  const text = entry?.[name];
  if (file === undefined || entry === undefined || text === undefined) return undefined;
  const path = resolvePath(text, { directory: dirname(file.path), userHome: userHome(env) });
  return { text: path, source: entry.placeOf("cache", ...PATH_KEYS[name]) };
}

function credentialsOf(
  env: Environment,
  file: YamlFile | undefined,
  entry: FlameYamlEntry | undefined,
): ConfiguredCredentials {
  const token = readVariable(env, TOKEN_VARIABLE);
  const environment: NamedCredentials = {
    token: token === undefined ? undefined : { text: token, source: TOKEN_VARIABLE },
    tokenFile: pathInEnvironment(env, TOKEN_FILE_VARIABLE),
    certFile: pathInEnvironment(env, CLIENT_CERT_VARIABLE),
    keyFile: pathInEnvironment(env, CLIENT_KEY_VARIABLE),
  };
  return {
    environment,
    file: {
      tokenFile: pathInFile(env, file, entry, "tokenFile"),
      certFile: pathInFile(env, file, entry, "clientCertFile"),
      keyFile: pathInFile(env, file, entry, "clientKeyFile"),
    },
    fileEndpoint: entry?.cacheEndpoint && normalEndpoint(entry.cacheEndpoint),
  };
}

/** A wrong endpoint is reported if it is dialled. As it is, it equals no other endpoint. */
function normalEndpoint(text: string): string {
  const read = endpointSchema.safeParse(text);
  return read.success ? formatDialEndpoint(read.data) : text;
}
