/**
 * What a cache server is told: the one shape that every source of configuration ends in.
 *
 * Plain data, so that it can be handed to a worker thread. Paths are absolute, sizes are bytes, and what was
 * wrong has been refused by `loadCacheConfig`; whoever builds one by hand owes the same.
 */
import type { Endpoint } from "./endpoint.ts";

/** As src/eviction/open-policy.ts knows them; the first is the default. */
export const EVICTION_POLICIES = ["adaptive", "lru", "s3-fifo", "none"] as const;

export type EvictionPolicyName = (typeof EVICTION_POLICIES)[number];

/** What an answer promises: that it survives the end of the process, or that of the machine as well. */
export type DurabilityName = "restart" | "power-loss";

/** What is compared with its checksum when it comes from the disk: all of it, or what an earlier process left, once. */
export type VerifyReads = "always" | "found";

/**
 * How closely the batches of a table are looked at when they are put: not at all, as far as a reader's memory is at stake, or down to
 * the values, as Arrow's own full validation does.
 */
export const VALIDATION_LEVELS = ["structure", "full", "off"] as const;

export type ValidationLevel = (typeof VALIDATION_LEVELS)[number];

export interface CacheConfig {
  /** What is listened on. Port 0 takes a free one. */
  readonly endpoint: Endpoint;
  /** What clients dial instead of what is listened on; undefined: the same. */
  readonly advertise: Endpoint | undefined;
  /** Source of a regular expression over interface names; see `resolveAddresses`. */
  readonly networkInterface: string | undefined;
  /** How many threads serve connections; 1: the one that runs the calls. More where the system can share a port out. */
  readonly threads: number;
  readonly storage: StorageConfig;
  /** `power-loss` needs storage `files`. */
  readonly durability: DurabilityName;
  readonly verifyReads: VerifyReads;
  readonly validateTables: ValidationLevel;
  /** What files may take on disk, bytes; undefined: as many as fit. */
  readonly capacityBytes: number | undefined;
  readonly eviction: EvictionConfig;
  readonly limits: LimitsConfig;
  /** Set exactly when the endpoint's scheme is `grpcs`. */
  readonly tls: TlsConfig | undefined;
}

export type StorageConfig =
  | { readonly kind: "none" }
  /** `directory` is absolute; it need not exist yet. */
  | { readonly kind: "files"; readonly directory: string };

export interface EvictionConfig {
  readonly policy: EvictionPolicyName;
  readonly maxMemoryBytes: number;
  /** undefined: as many as fit. */
  readonly maxObjects: number | undefined;
}

/** What clients may make the server hold. */
export interface LimitsConfig {
  /** Memory of all calls together. */
  readonly callsMemoryBytes: number;
  /** Open connections. */
  readonly connections: number;
  /** A call on which nothing moves for this long is ended. */
  readonly idleCallMs: number;
}

/** Absolute paths of PEM files that could be read when the configuration was loaded. */
export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string | undefined;
}
