/**
 * Formats the effective configuration as a flame-cluster.yaml, with the source of each value.
 *
 * The output is a valid configuration file and yields the same configuration. Settings without a
 * value appear as comments, so that the reader sees every key.
 */
import { formatByteSize } from "./byte-size.ts";
import type { CacheConfig } from "./cache-config.ts";
import { formatDuration } from "./duration.ts";
import { formatEndpoint } from "./endpoint.ts";
import { formatHttpAddress } from "./http-address.ts";
import type { LoadedCacheConfig } from "./load-cache-config.ts";
import { SETTINGS, type SettingName } from "./settings.ts";
import { formatStorage } from "./storage-location.ts";
import { yamlLibrary } from "./yaml-library.ts";

/** One setting as it is in effect. */
export interface EffectiveSetting {
  /** Dotted path under `cache`. */
  readonly key: string;
  /** Undefined: not set. */
  readonly value: string | number | boolean | undefined;
  /** Where the value comes from: a flag, a variable, `FILE:LINE` or `default`. */
  readonly source: string | undefined;
}

/** All settings in their order. @param sources absent: unknown, as in a server built by a test. */
export function effectiveSettings(
  config: CacheConfig,
  sources?: LoadedCacheConfig["sources"],
): EffectiveSetting[] {
  const values = valuesOf(config);
  return (Object.keys(SETTINGS) as SettingName[]).map((name) => ({
    key: SETTINGS[name].key,
    value: values[name],
    source: sources?.[name],
  }));
}

/** Several lines, each with a line end. */
export function formatCacheConfig({
  config,
  sources,
}: Pick<LoadedCacheConfig, "config" | "sources">): string {
  const values = valuesOf(config);
  const lines = ["cache:"];
  let openGroup = "";
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const [group, key] = splitKey(SETTINGS[name].key);
    if (group !== openGroup && group !== "") lines.push(`  ${group}:`);
    openGroup = group;
    const indent = group === "" ? "  " : "    ";
    const value = values[name];
    lines.push(
      value === undefined
        ? `${indent}# ${key}: not set`
        : `${indent}${key}: ${formatScalar(value)} # ${sources[name]}`,
    );
  }
  return `${lines.join("\n")}\n`;
}

function valuesOf(config: CacheConfig): Record<SettingName, string | number | boolean | undefined> {
  const store = config.storage.kind === "s3" ? config.storage : undefined;
  const localBytes = store?.localCache?.capacityBytes;
  return {
    endpoint: formatEndpoint(config.endpoint),
    advertise: config.advertise && formatEndpoint(config.advertise),
    networkInterface: config.networkInterface,
    admin: config.admin === undefined ? "none" : formatHttpAddress(config.admin),
    http: config.http === undefined ? "none" : formatHttpAddress(config.http),
    corsOrigins: config.corsOrigins.length === 0 ? "none" : config.corsOrigins.join(", "),
    threads: config.threads,
    storage: formatStorage(config.storage),
    s3Endpoint: store?.endpoint,
    s3Region: store?.region,
    s3PathStyle: store?.pathStyle,
    maxStaleness: store?.maxStalenessMs ? formatDuration(store.maxStalenessMs) : "none",
    localCache: store?.localCache?.directory,
    localCapacity: localBytes === undefined ? undefined : formatByteSize(localBytes),
    durability: config.durability,
    verifyReads: config.verifyReads,
    validateTables: config.validateTables,
    capacity: config.capacityBytes === undefined ? undefined : formatByteSize(config.capacityBytes),
    evictionPolicy: config.eviction.policy,
    maxMemory: formatByteSize(config.eviction.maxMemoryBytes),
    maxObjects: config.eviction.maxObjects,
    accessFile: config.access.file,
    requireAuth: config.access.isRequired,
    callsMemory: formatByteSize(config.limits.callsMemoryBytes),
    connections: config.limits.connections,
    idleCall: formatDuration(config.limits.idleCallMs),
    certFile: config.tls?.certFile,
    keyFile: config.tls?.keyFile,
    caFile: config.tls?.caFile,
    clientCaFile: config.tls?.clientCaFile,
    clientCertificates: config.tls?.clientCertificates,
    journalSize: config.journalBytes === 0 ? "none" : formatByteSize(config.journalBytes),
  };
}

function splitKey(key: string): [group: string, key: string] {
  const dot = key.indexOf(".");
  return dot < 0 ? ["", key] : [key.slice(0, dot), key.slice(dot + 1)];
}

/** Quoted if YAML requires it; always one line. */
function formatScalar(value: string | number | boolean): string {
  return yamlLibrary().stringify(value, { lineWidth: 0, blockQuote: false }).trimEnd();
}
