/**
 * The configuration of a cache server out of flags, environment, flame-cluster.yaml and defaults.
 *
 * Nothing is created and nothing is opened but the configuration file; TLS files are only tried for reading, so that
 * a wrong path is told with its key and line instead of from inside a handshake.
 * @see docs/configuration.md
 */
import { accessSync, constants } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { CacheError } from "../errors.ts";
import type { CacheConfig, DurabilityName, StorageConfig, TlsConfig } from "./cache-config.ts";
import { type CacheSection, type ConfigWarning, readCacheSection } from "./cache-section.ts";
import { type Environment, flameHome, userHome } from "./flame-home.ts";
import { type PickedSetting, pickSetting, type SettingSources, wrongValue } from "./pick-setting.ts";
import { type ConfigFlags, SETTINGS, type SettingName } from "./settings.ts";
import { type PathContext, resolvePath, resolveStorage } from "./storage-location.ts";
import { readYamlFile } from "./yaml-file.ts";

export interface LoadOptions {
  readonly flags?: ConfigFlags;
  /** Defaults to the environment of the process. */
  readonly env?: Environment;
  /** Must exist when named. By default flame-cluster.yaml in FLAME_HOME is read when it is there. */
  readonly configFile?: string | undefined;
  /** True for a server inside of another program: variables that clients read as well then yield to the file. */
  readonly isEmbedded?: boolean;
  /** What relative paths on the command line are under; defaults to that of the process. */
  readonly workingDirectory?: string;
}

export interface LoadedCacheConfig {
  readonly config: CacheConfig;
  readonly warnings: readonly ConfigWarning[];
  /** Where each value comes from: a flag, a variable, `FILE:LINE` or `default`. */
  readonly sources: Readonly<Record<SettingName, string>>;
}

export const CONFIG_FILE_NAME = "flame-cluster.yaml";

/** @throws {CacheError} INVALID_CONFIG naming key, value and source. */
export function loadCacheConfig(options: LoadOptions = {}): LoadedCacheConfig {
  const env = options.env ?? process.env;
  const workingDirectory = resolve(options.workingDirectory ?? ".");
  const section = findSection(env, options.configFile, workingDirectory);
  const places: Places = { env, workingDirectory, configFile: section?.file.path };
  const picked = pickAll({
    flags: options.flags ?? {},
    env,
    section,
    isEmbedded: options.isEmbedded === true,
  });
  const warnings = [...(section?.warnings ?? [])];
  const config: CacheConfig = {
    endpoint: picked.endpoint.value,
    advertise: picked.advertise.value,
    networkInterface: picked.networkInterface.value,
    threads: picked.threads.value,
    storage: storageOf(picked, places),
    durability: durabilityOf(picked),
    verifyReads: picked.verifyReads.value,
    validateTables: picked.validateTables.value,
    capacityBytes: picked.capacity.value,
    eviction: {
      policy: picked.evictionPolicy.value,
      maxMemoryBytes: picked.maxMemory.value,
      maxObjects: picked.maxObjects.value,
    },
    limits: {
      callsMemoryBytes: picked.callsMemory.value,
      connections: picked.connections.value,
      idleCallMs: picked.idleCall.value,
    },
    tls: tlsOf(picked, places, warnings),
  };
  return { config, warnings, sources: sourcesOf(picked) };
}

function findSection(
  env: Environment,
  named: string | undefined,
  workingDirectory: string,
): CacheSection | undefined {
  const path =
    named === undefined ? join(flameHome(env), CONFIG_FILE_NAME) : resolve(workingDirectory, named);
  const file = readYamlFile(path);
  if (file !== undefined) return readCacheSection(file);
  if (named === undefined) return undefined;
  throw new CacheError(
    "INVALID_CONFIG",
    `the configuration file does not exist: got ${JSON.stringify(named)} (--config)`,
    {
      facts: { key: "config", value: named, source: "--config" },
    },
  );
}

type Picked = ReturnType<typeof pickAll>;

function pickAll(sources: SettingSources) {
  return {
    endpoint: pickSetting(SETTINGS.endpoint, sources),
    advertise: pickSetting(SETTINGS.advertise, sources),
    networkInterface: pickSetting(SETTINGS.networkInterface, sources),
    threads: pickSetting(SETTINGS.threads, sources),
    storage: pickSetting(SETTINGS.storage, sources),
    durability: pickSetting(SETTINGS.durability, sources),
    verifyReads: pickSetting(SETTINGS.verifyReads, sources),
    validateTables: pickSetting(SETTINGS.validateTables, sources),
    capacity: pickSetting(SETTINGS.capacity, sources),
    evictionPolicy: pickSetting(SETTINGS.evictionPolicy, sources),
    maxMemory: pickSetting(SETTINGS.maxMemory, sources),
    maxObjects: pickSetting(SETTINGS.maxObjects, sources),
    callsMemory: pickSetting(SETTINGS.callsMemory, sources),
    connections: pickSetting(SETTINGS.connections, sources),
    idleCall: pickSetting(SETTINGS.idleCall, sources),
    certFile: pickSetting(SETTINGS.certFile, sources),
    keyFile: pickSetting(SETTINGS.keyFile, sources),
    caFile: pickSetting(SETTINGS.caFile, sources),
  } satisfies Record<SettingName, PickedSetting<unknown>>;
}

function sourcesOf(picked: Picked): Record<SettingName, string> {
  const entries = Object.entries(picked).map(([name, { source }]) => [name, source.place]);
  return Object.fromEntries(entries) as Record<SettingName, string>;
}

interface Places {
  readonly env: Environment;
  readonly workingDirectory: string;
  readonly configFile: string | undefined;
}

/** Typed in a shell: under its directory, as for any command. Written down elsewhere: under FLAME_HOME. */
function storageOf({ storage }: Picked, places: Places): StorageConfig {
  const typed = storage.source.kind === "flag";
  const directory = typed ? places.workingDirectory : flameHome(places.env);
  return resolveStorage(storage.value, { directory, userHome: userHome(places.env) });
}

/** A promise that storage none cannot keep is refused, whoever made it. */
function durabilityOf({ durability, storage }: Picked): DurabilityName {
  const { value, source } = durability;
  if (value === "restart" || storage.value.kind !== "none") return value;
  const wrong = { key: `cache.${SETTINGS.durability.key}`, source: source.place };
  throw wrongValue(
    wrong,
    value,
    `must be restart where storage is none (storage from ${storage.source.place})`,
  );
}

function tlsOf(picked: Picked, places: Places, warnings: ConfigWarning[]): TlsConfig | undefined {
  if (picked.endpoint.value.scheme === "grpc") {
    warnings.push(...unusedTls(picked));
    return undefined;
  }
  const certFile = readablePath("certFile", picked.certFile, places);
  const keyFile = readablePath("keyFile", picked.keyFile, places);
  for (const [name, path] of [
    ["certFile", certFile],
    ["keyFile", keyFile],
  ] as const) {
    if (path !== undefined) continue;
    const key = `cache.${SETTINGS[name].key}`;
    const source = picked.endpoint.source.place;
    throw new CacheError(
      "INVALID_CONFIG",
      `${key} must be set when the endpoint is grpcs:// (endpoint from ${source})`,
      {
        facts: { key, source },
      },
    );
  }
  return { certFile: certFile!, keyFile: keyFile!, caFile: readablePath("caFile", picked.caFile, places) };
}

/** Only what the file says about TLS: FLAME_CA_FILE may be there for clients on the same host. */
function unusedTls(picked: Picked): ConfigWarning[] {
  return (["certFile", "keyFile", "caFile"] as const)
    .filter((name) => picked[name].source.kind === "file")
    .map((name) => ({
      text: "TLS setting ignored: the endpoint is grpc://, not grpcs://",
      key: `cache.${SETTINGS[name].key}`,
      source: picked[name].source.place,
    }));
}

/** Under the configuration file's directory when it stands there, else under the working directory. */
function readablePath(
  name: "certFile" | "keyFile" | "caFile",
  { value, source }: PickedSetting<string | undefined>,
  places: Places,
): string | undefined {
  if (value === undefined) return undefined;
  const inFile = source.kind === "file" && places.configFile !== undefined;
  const context: PathContext = {
    directory: inFile ? dirname(places.configFile) : places.workingDirectory,
    userHome: userHome(places.env),
  };
  const path = resolvePath(value, context);
  try {
    accessSync(path, constants.R_OK);
    return path;
  } catch {
    throw wrongValue(
      { key: `cache.${SETTINGS[name].key}`, source: source.place },
      value,
      "must be a file that can be read",
    );
  }
}
