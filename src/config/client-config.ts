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
import { type Endpoint, endpointSchema } from "./endpoint.ts";
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
  };
}

export interface ClientConfigOptions {
  /** Defaults to the environment of the process. */
  readonly env?: Environment;
  /** Path of a flame.yaml, which must exist. */
  readonly configFile?: string | undefined;
}

export const CLIENT_FILE_NAME = "flame.yaml";
/** A setting of clients only; the server does not read it. */
const ZERO_COPY_VARIABLE = "FLAME_ZERO_COPY";

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
      caFile: caFileOf(env, file, entry),
      zeroCopy: zeroCopy === undefined || readValue(switchSchema, zeroCopy.text, zeroCopy),
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

/**
 * A relative path in the variable is under the working directory, one in the file under the file's
 * directory.
 */
function caFileOf(
  env: Environment,
  file: YamlFile | undefined,
  entry: FlameYamlEntry | undefined,
): string | undefined {
  const text = readVariable(env, SETTINGS.caFile.variable);
  if (text !== undefined) return resolvePath(text, { directory: resolve("."), userHome: userHome(env) });
  if (file === undefined || entry?.caFile === undefined) return undefined;
  return resolvePath(entry.caFile, { directory: dirname(file.path), userHome: userHome(env) });
}
