/**
 * Lists every setting of the cache server: key under `cache`, variable, flag, default and schema.
 *
 * A new setting is a row here, a field in cache-config.ts, a line in load-cache-config.ts and a row
 * in docs/configuration.md, which a test compares with this table.
 */
import type { z } from "zod";
import { LIMITS } from "../limits.ts";
import {
  byteSizeOrNoneSchema,
  byteSizeSchema,
  callsMemorySchema,
  formatByteSize,
  journalSizeSchema,
} from "./byte-size.ts";
import {
  CLIENT_CERTIFICATES,
  type ClientCertificates,
  type DurabilityName,
  EVICTION_POLICIES,
  type EvictionPolicyName,
  VALIDATION_LEVELS,
  type ValidationLevel,
  type VerifyReads,
} from "./cache-config.ts";
import { durationOrNoneSchema, durationSchema, formatDuration } from "./duration.ts";
import { advertisedEndpointSchema, endpointSchema } from "./endpoint.ts";
import { DEFAULT_ADMIN, formatHttpAddress, httpAddressSchema } from "./http-address.ts";
import { storageLocationSchema } from "./storage-location.ts";
import { storeEndpointSchema, storeRegionSchema } from "./store-settings.ts";
import { switchSchema } from "./switch-schema.ts";
import { textSchema } from "./text-schema.ts";
import { originsSchema } from "./web-origins.ts";

/** The settings that the command line can set, by their names in the loader. */
export interface ConfigFlags {
  readonly endpoint?: string | undefined;
  readonly storage?: string | undefined;
  readonly localCache?: string | undefined;
  readonly localCapacity?: string | undefined;
  readonly networkInterface?: string | undefined;
  readonly advertise?: string | undefined;
  readonly admin?: string | undefined;
  readonly http?: string | undefined;
  readonly accessFile?: string | undefined;
  /** As text, like every flag: `true`. */
  readonly requireAuth?: string | undefined;
}

export interface Setting<T> {
  /** Dotted path under `cache`. */
  readonly key: string;
  /**
   * True if clients read the variable too. In a server inside another program, the file then
   * overrides it.
   */
  readonly isSharedVariable?: boolean;
  readonly variable?: string;
  readonly flag?: { readonly name: keyof ConfigFlags; readonly text: string };
  /** The default, written as in a file. Without it, a setting that no source sets is undefined. */
  readonly defaultText?: string;
  readonly schema: z.ZodType<T>;
}

export interface SettingWithDefault<T> extends Setting<T> {
  readonly defaultText: string;
}

const evictionPolicySchema = textSchema((text, refuse): EvictionPolicyName => {
  const name = EVICTION_POLICIES.find((each) => each === text.toLowerCase());
  return name ?? refuse("must be adaptive, lru, s3-fifo or none");
});

const durabilitySchema = textSchema((text, refuse): DurabilityName => {
  const name = text.toLowerCase();
  return name === "restart" || name === "power-loss" ? name : refuse("must be restart or power-loss");
});

const verifyReadsSchema = textSchema((text, refuse): VerifyReads => {
  const name = text.toLowerCase();
  return name === "always" || name === "found" ? name : refuse("must be always or found");
});

const validationSchema = textSchema((text, refuse): ValidationLevel => {
  const name = VALIDATION_LEVELS.find((each) => each === text.toLowerCase());
  return name ?? refuse("must be structure, full or off");
});

const clientCertificatesSchema = textSchema((text, refuse): ClientCertificates => {
  const name = CLIENT_CERTIFICATES.find((each) => each === text.toLowerCase());
  return name ?? refuse("must be none, optional or required");
});

const objectCountSchema = textSchema((text, refuse) => {
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count >= 1 && Number.isSafeInteger(count)) return count;
  return refuse("must be a whole number of at least 1; leave it out for no limit");
});

const connectionCountSchema = textSchema((text, refuse) => {
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= LIMITS.connectionsSettingMax) return count;
  return refuse(`must be a whole number from 1 to ${LIMITS.connectionsSettingMax}`);
});

const threadCountSchema = textSchema((text, refuse) => {
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= LIMITS.threadsMax) return count;
  return refuse(`must be a whole number from 1 to ${LIMITS.threadsMax}`);
});

const interfacePatternSchema = textSchema((text, refuse) => {
  if (text.length > LIMITS.interfacePatternLengthMax) {
    return refuse(`must have at most ${LIMITS.interfacePatternLengthMax} characters`);
  }
  try {
    new RegExp(text);
    return text;
  } catch {
    return refuse("must be a regular expression over the names of network interfaces, such as ^eth0$");
  }
});

const filePathSchema = textSchema((text, refuse) =>
  text.includes("\0") ? refuse("must be a path without NUL characters") : text,
);

export const SETTINGS = {
  endpoint: {
    key: "endpoint",
    variable: "FLAME_CACHE_ENDPOINT",
    isSharedVariable: true,
    flag: { name: "endpoint", text: "--endpoint" },
    defaultText: "grpc://127.0.0.1:9090",
    schema: endpointSchema,
  },
  advertise: {
    key: "advertise",
    variable: "FLAME_CACHE_ADVERTISE",
    flag: { name: "advertise", text: "--advertise" },
    schema: advertisedEndpointSchema,
  },
  networkInterface: {
    key: "network_interface",
    flag: { name: "networkInterface", text: "--network-interface" },
    schema: interfacePatternSchema,
  },
  admin: {
    key: "admin",
    variable: "FLAME_CACHE_ADMIN",
    flag: { name: "admin", text: "--admin" },
    defaultText: formatHttpAddress(DEFAULT_ADMIN),
    schema: httpAddressSchema,
  },
  http: {
    key: "http",
    variable: "FLAME_CACHE_HTTP",
    flag: { name: "http", text: "--http" },
    defaultText: "none",
    schema: httpAddressSchema,
  },
  corsOrigins: {
    key: "cors_origins",
    variable: "FLAME_CACHE_CORS_ORIGINS",
    defaultText: "none",
    schema: originsSchema,
  },
  threads: {
    key: "threads",
    variable: "FLAME_CACHE_THREADS",
    defaultText: "1",
    schema: threadCountSchema,
  },
  storage: {
    key: "storage",
    variable: "FLAME_CACHE_STORAGE",
    isSharedVariable: true,
    flag: { name: "storage", text: "--storage" },
    defaultText: "none",
    schema: storageLocationSchema,
  },
  s3Endpoint: {
    key: "s3.endpoint",
    variable: "FLAME_CACHE_S3_ENDPOINT",
    schema: storeEndpointSchema,
  },
  s3Region: { key: "s3.region", variable: "FLAME_CACHE_S3_REGION", schema: storeRegionSchema },
  s3PathStyle: {
    key: "s3.path_style",
    variable: "FLAME_CACHE_S3_PATH_STYLE",
    schema: switchSchema,
  },
  maxStaleness: {
    key: "max_staleness",
    variable: "FLAME_CACHE_MAX_STALENESS",
    defaultText: "none",
    schema: durationOrNoneSchema,
  },
  localCache: {
    key: "local_cache",
    variable: "FLAME_CACHE_LOCAL_CACHE",
    flag: { name: "localCache", text: "--local-cache" },
    schema: filePathSchema,
  },
  localCapacity: {
    key: "local_capacity",
    variable: "FLAME_CACHE_LOCAL_CAPACITY",
    flag: { name: "localCapacity", text: "--local-capacity" },
    schema: byteSizeSchema,
  },
  durability: {
    key: "durability",
    variable: "FLAME_CACHE_DURABILITY",
    defaultText: "restart",
    schema: durabilitySchema,
  },
  verifyReads: {
    key: "verify_reads",
    variable: "FLAME_CACHE_VERIFY_READS",
    defaultText: "always",
    schema: verifyReadsSchema,
  },
  validateTables: {
    key: "validate_tables",
    variable: "FLAME_CACHE_VALIDATE_TABLES",
    defaultText: VALIDATION_LEVELS[0],
    schema: validationSchema,
  },
  capacity: { key: "capacity", variable: "FLAME_CACHE_CAPACITY", schema: byteSizeSchema },
  evictionPolicy: {
    key: "eviction.policy",
    variable: "FLAME_CACHE_EVICTION_POLICY",
    defaultText: EVICTION_POLICIES[0],
    schema: evictionPolicySchema,
  },
  maxMemory: {
    key: "eviction.max_memory",
    variable: "FLAME_CACHE_MAX_MEMORY",
    defaultText: "1G",
    schema: byteSizeOrNoneSchema,
  },
  maxObjects: {
    key: "eviction.max_objects",
    variable: "FLAME_CACHE_MAX_OBJECTS",
    schema: objectCountSchema,
  },
  accessFile: {
    key: "access.file",
    variable: "FLAME_CACHE_ACCESS_FILE",
    flag: { name: "accessFile", text: "--access-file" },
    schema: filePathSchema,
  },
  requireAuth: {
    key: "access.require_auth",
    variable: "FLAME_CACHE_REQUIRE_AUTH",
    flag: { name: "requireAuth", text: "--require-auth" },
    defaultText: "false",
    schema: switchSchema,
  },
  callsMemory: {
    key: "limits.calls_memory",
    variable: "FLAME_CACHE_CALLS_MEMORY",
    defaultText: formatByteSize(LIMITS.callsMemoryBytes),
    schema: callsMemorySchema,
  },
  connections: {
    key: "limits.connections",
    variable: "FLAME_CACHE_CONNECTIONS",
    defaultText: String(LIMITS.connectionsMax),
    schema: connectionCountSchema,
  },
  idleCall: {
    key: "limits.idle_call",
    variable: "FLAME_CACHE_IDLE_CALL",
    defaultText: formatDuration(LIMITS.idleCallMs),
    schema: durationSchema,
  },
  certFile: { key: "tls.cert_file", schema: filePathSchema },
  keyFile: { key: "tls.key_file", schema: filePathSchema },
  caFile: {
    key: "tls.ca_file",
    variable: "FLAME_CA_FILE",
    isSharedVariable: true,
    schema: filePathSchema,
  },
  clientCaFile: {
    key: "tls.client_ca_file",
    variable: "FLAME_CACHE_CLIENT_CA_FILE",
    schema: filePathSchema,
  },
  clientCertificates: {
    key: "tls.client_certificates",
    variable: "FLAME_CACHE_CLIENT_CERTIFICATES",
    schema: clientCertificatesSchema,
  },
  journalSize: {
    key: "journal.size",
    variable: "FLAME_CACHE_JOURNAL_SIZE",
    defaultText: "64M",
    schema: journalSizeSchema,
  },
} as const satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof SETTINGS;
