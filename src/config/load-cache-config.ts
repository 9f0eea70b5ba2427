/**
 * Loads the configuration of a cache server from flags, environment, flame-cluster.yaml and
 * defaults.
 *
 * Opens only the configuration file and creates nothing. TLS files are only checked for read
 * access, so that a wrong path is reported with its key and line, and not by a failed handshake.
 * @see docs/configuration.md
 */
import { join, resolve } from "node:path";
import { CacheError } from "../errors.ts";
import type { AccessConfig, CacheConfig, DurabilityName, StorageConfig } from "./cache-config.ts";
import { type CacheSection, type ConfigWarning, readCacheSection } from "./cache-section.ts";
import { type Environment, flameHome, userHome } from "./flame-home.ts";
import type { HttpAddress } from "./http-address.ts";
import { localCacheOf } from "./local-cache-config.ts";
import {
  DEFAULT_SOURCE,
  type PickedSetting,
  pickSetting,
  type SettingSources,
  wrongValue,
} from "./pick-setting.ts";
import { type PathBases, readablePath } from "./readable-path.ts";
import { type ConfigFlags, SETTINGS, type SettingName } from "./settings.ts";
import { isDurable, resolveStorage } from "./storage-location.ts";
import { tlsOf } from "./tls-settings.ts";
import { readYamlFile } from "./yaml-file.ts";

export interface LoadOptions {
  readonly flags?: ConfigFlags;
  /** Defaults to the environment of the process. */
  readonly env?: Environment;
  /** Path of a file, which must exist. Default: flame-cluster.yaml in FLAME_HOME, if it exists. */
  readonly configFile?: string | undefined;
  /**
   * True for a server inside another program: the file then overrides variables that clients share.
   */
  readonly isEmbedded?: boolean;
  /** Base of relative paths on the command line. Default: the working directory of the process. */
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
  const bases: PathBases = { env, workingDirectory, configFile: section?.file.path };
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
    admin: adminOf(picked),
    http: picked.http.value ?? undefined,
    corsOrigins: picked.corsOrigins.value,
    access: accessOf(picked, bases),
    storage: storageOf(picked, bases),
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
    tls: tlsOf(picked, bases, warnings),
    journalBytes: picked.journalSize.value,
  };
  return { config, warnings, sources: sourcesOf(picked) };
}

/** How the values in a file do not fit each other, or the files that they name. */
export interface Mismatches {
  readonly errors: readonly CacheError[];
  readonly warnings: readonly ConfigWarning[];
}

/** @param wrong settings whose own values are wrong; what depends on them is not judged */
export function findMismatches(
  section: CacheSection,
  env: Environment,
  wrong: ReadonlySet<SettingName>,
): Mismatches {
  const wrongKeys = [...wrong].map((name): string => SETTINGS[name].key);
  const values = new Map([...section.values].filter(([key]) => !wrongKeys.includes(key)));
  const picked = pickAll({ flags: {}, env: {}, section: { ...section, values } });
  const bases: PathBases = { env, workingDirectory: resolve("."), configFile: section.file.path };
  const warnings: ConfigWarning[] = [];
  const canJudge = (...names: SettingName[]): boolean => !names.some((name) => wrong.has(name));
  const errors = [
    ...(canJudge("durability", "storage") ? errorOf(() => durabilityOf(picked)) : []),
    ...(canJudge("localCache", "localCapacity", "storage") ? errorOf(() => localCacheOf(picked, bases)) : []),
    ...(canJudge("accessFile", "requireAuth") ? errorOf(() => accessOf(picked, bases)) : []),
    ...(canJudge("endpoint", "admin", "http") ? tlsErrors(picked, bases, warnings) : []),
  ];
  return { errors, warnings };
}

/** After each error, the setting that it names is replaced by a right one, to find the next error. */
function tlsErrors(picked: Picked, bases: PathBases, warnings: ConfigWarning[]): readonly CacheError[] {
  const [error] = errorOf(() => tlsOf(picked, bases, warnings));
  if (error === undefined) return [];
  const names = Object.keys(SETTINGS) as SettingName[];
  const name = names.find((each) => `cache.${SETTINGS[each].key}` === error.facts.key);
  if (name === undefined) return [error];
  const value = name === "clientCertificates" ? undefined : bases.configFile;
  const repaired = { ...picked, [name]: { value: value && resolve(value), source: DEFAULT_SOURCE } };
  return [error, ...tlsErrors(repaired, bases, warnings)];
}

function errorOf(check: () => unknown): readonly CacheError[] {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof CacheError) return [error];
    throw error;
  }
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
    admin: pickSetting(SETTINGS.admin, sources),
    http: pickSetting(SETTINGS.http, sources),
    corsOrigins: pickSetting(SETTINGS.corsOrigins, sources),
    threads: pickSetting(SETTINGS.threads, sources),
    storage: pickSetting(SETTINGS.storage, sources),
    s3Endpoint: pickSetting(SETTINGS.s3Endpoint, sources),
    s3Region: pickSetting(SETTINGS.s3Region, sources),
    s3PathStyle: pickSetting(SETTINGS.s3PathStyle, sources),
    maxStaleness: pickSetting(SETTINGS.maxStaleness, sources),
    localCache: pickSetting(SETTINGS.localCache, sources),
    localCapacity: pickSetting(SETTINGS.localCapacity, sources),
    durability: pickSetting(SETTINGS.durability, sources),
    verifyReads: pickSetting(SETTINGS.verifyReads, sources),
    validateTables: pickSetting(SETTINGS.validateTables, sources),
    capacity: pickSetting(SETTINGS.capacity, sources),
    evictionPolicy: pickSetting(SETTINGS.evictionPolicy, sources),
    maxMemory: pickSetting(SETTINGS.maxMemory, sources),
    maxObjects: pickSetting(SETTINGS.maxObjects, sources),
    accessFile: pickSetting(SETTINGS.accessFile, sources),
    requireAuth: pickSetting(SETTINGS.requireAuth, sources),
    callsMemory: pickSetting(SETTINGS.callsMemory, sources),
    connections: pickSetting(SETTINGS.connections, sources),
    idleCall: pickSetting(SETTINGS.idleCall, sources),
    certFile: pickSetting(SETTINGS.certFile, sources),
    keyFile: pickSetting(SETTINGS.keyFile, sources),
    caFile: pickSetting(SETTINGS.caFile, sources),
    clientCaFile: pickSetting(SETTINGS.clientCaFile, sources),
    clientCertificates: pickSetting(SETTINGS.clientCertificates, sources),
    journalSize: pickSetting(SETTINGS.journalSize, sources),
  } satisfies Record<SettingName, PickedSetting<unknown>>;
}

function sourcesOf(picked: Picked): Record<SettingName, string> {
  const entries = Object.entries(picked).map(([name, { source }]) => [name, source.place]);
  return Object.fromEntries(entries) as Record<SettingName, string>;
}

/** A relative path in a flag is under the working directory, any other under FLAME_HOME. */
function storageOf(picked: Picked, bases: PathBases): StorageConfig {
  const { storage, s3Endpoint, s3Region, s3PathStyle, maxStaleness } = picked;
  const { AWS_REGION, AWS_DEFAULT_REGION } = bases.env;
  const typed = storage.source.kind === "flag";
  const directory = typed ? bases.workingDirectory : flameHome(bases.env);
  const terms = {
    endpoint: s3Endpoint.value,
    region: s3Region.value ?? (AWS_REGION || AWS_DEFAULT_REGION || undefined),
    pathStyle: s3PathStyle.value,
    maxStalenessMs: maxStaleness.value,
    localCache: localCacheOf(picked, bases),
  };
  return resolveStorage(storage.value, { directory, userHome: userHome(bases.env) }, terms);
}

/** Rejects `power-loss` with storage none, whichever source sets it. */
function durabilityOf({ durability, storage }: Picked): DurabilityName {
  const { value, source } = durability;
  if (value === "restart" || isDurable(storage.value)) return value;
  const wrong = { key: `cache.${SETTINGS.durability.key}`, source: source.place };
  throw wrongValue(wrong, value, `must be restart if storage is none (storage from ${storage.source.place})`);
}

/** A server on a free port, such as one in a test, has an admin listener only on request. */
function adminOf({ admin, endpoint }: Picked): HttpAddress | undefined {
  if (admin.source.kind === "default" && endpoint.value.port === 0) return undefined;
  return admin.value ?? undefined;
}

/** @throws {CacheError} INVALID_CONFIG if identification is required and no file says who may call. */
function accessOf(picked: Picked, bases: PathBases): AccessConfig {
  const file = readablePath("accessFile", picked.accessFile, bases);
  const { value: isRequired, source } = picked.requireAuth;
  if (isRequired && file === undefined) {
    const key = `cache.${SETTINGS.accessFile.key}`;
    const text = `${key} must be set, because ${source.place} requires authentication; flame-object-cache token create writes such a file`;
    throw new CacheError("INVALID_CONFIG", text, { facts: { key, source: source.place } });
  }
  return { file, isRequired };
}
