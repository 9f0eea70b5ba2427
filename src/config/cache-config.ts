/**
 * The configuration of a cache server: the result of all configuration sources.
 *
 * Plain data, so that it can be passed to a worker thread. Paths are absolute and sizes are in
 * bytes. `loadCacheConfig` rejects wrong values; code that builds a `CacheConfig` itself must check
 * them.
 */
import type { Endpoint } from "./endpoint.ts";
import type { HttpAddress } from "./http-address.ts";

/** The names in src/eviction/open-policy.ts; the first is the default. */
export const EVICTION_POLICIES = ["adaptive", "lru", "s3-fifo", "none"] as const;

export type EvictionPolicyName = (typeof EVICTION_POLICIES)[number];

/** What an acknowledged object survives: a restart of the process, or also a power loss. */
export type DurabilityName = "restart" | "power-loss";

/**
 * Which reads from disk verify the checksum: `always` every read, `found` only the first read of an
 * object that an earlier process wrote.
 */
export type VerifyReads = "always" | "found";

/**
 * How thoroughly the batches of a table are validated in a put: `structure` checks everything that
 * a reader's memory safety depends on, `full` also the values, as Arrow's full validation does.
 */
export const VALIDATION_LEVELS = ["structure", "full", "off"] as const;

export type ValidationLevel = (typeof VALIDATION_LEVELS)[number];

/**
 * Whether clients must present a certificate. With `optional`, one that does not verify is refused
 * as well.
 */
export const CLIENT_CERTIFICATES = ["none", "optional", "required"] as const;

export type ClientCertificates = (typeof CLIENT_CERTIFICATES)[number];

export interface CacheConfig {
  /** The endpoint to listen on. Port 0 selects a free port. */
  readonly endpoint: Endpoint;
  /** The endpoint that clients dial; undefined: `endpoint`. */
  readonly advertise: Endpoint | undefined;
  /** Source of a regular expression over interface names; see `resolveAddresses`. */
  readonly networkInterface: string | undefined;
  /**
   * Threads that serve connections; 1: only the thread that runs the calls. More threads need a
   * system on which several listeners can share a port.
   */
  readonly threads: number;
  /** Of the admin listener; undefined: there is none. */
  readonly admin: HttpAddress | undefined;
  /** Of a listener for the HTTP API alone; undefined: only the admin listener has the API. */
  readonly http: HttpAddress | undefined;
  /** Origins of web pages that may use the HTTP API; `*`: all; empty: none. */
  readonly corsOrigins: readonly string[];
  readonly access: AccessConfig;
  readonly storage: StorageConfig;
  /** `power-loss` needs storage `files`. */
  readonly durability: DurabilityName;
  readonly verifyReads: VerifyReads;
  readonly validateTables: ValidationLevel;
  /** Capacity of the object files on disk, bytes; undefined: limited only by the disk. */
  readonly capacityBytes: number | undefined;
  readonly eviction: EvictionConfig;
  readonly limits: LimitsConfig;
  /** Set if and only if the endpoint's scheme is `grpcs`, or that of an HTTP listener `https`. */
  readonly tls: TlsConfig | undefined;
  /** Bound of the event journal, bytes; 0: there is none. */
  readonly journalBytes: number;
}

/** Who may do what. */
export interface AccessConfig {
  /** Absolute path of the access file; undefined: everyone may do everything. */
  readonly file: string | undefined;
  /** True: the server does not start without an access file. */
  readonly isRequired: boolean;
}

export type StorageConfig =
  | { readonly kind: "none" }
  /** `directory` is absolute; it need not exist yet. */
  | { readonly kind: "files"; readonly directory: string }
  | S3StorageConfig;

/** A bucket that any number of servers share. Credentials come from the environment. */
export interface S3StorageConfig {
  readonly kind: "s3";
  readonly bucket: string;
  /** Without a slash at its beginning and its end; may be empty. */
  readonly prefix: string;
  /** URL of the store; undefined: AWS in the region. */
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
  /** Undefined: true with an endpoint. */
  readonly pathStyle: boolean | undefined;
  /** How old a state may be that a get returns without asking the store; 0: it always asks. */
  readonly maxStalenessMs: number;
  /** Copies of large objects on the local disk; undefined: there are none. */
  readonly localCache: LocalCacheConfig | undefined;
}

export interface LocalCacheConfig {
  /** Absolute; it need not exist yet. */
  readonly directory: string;
  /** Undefined: a part of what is free at the start. */
  readonly capacityBytes: number | undefined;
}

export interface EvictionConfig {
  readonly policy: EvictionPolicyName;
  readonly maxMemoryBytes: number;
  /** Undefined: no limit. */
  readonly maxObjects: number | undefined;
}

/** Limits on what clients can make the server hold. */
export interface LimitsConfig {
  /** Memory of all calls together, bytes. */
  readonly callsMemoryBytes: number;
  /** Open connections. */
  readonly connections: number;
  /** A call without progress for this long is ended. */
  readonly idleCallMs: number;
}

/** Absolute paths of PEM files, which were readable when the configuration was loaded. */
export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string | undefined;
  /** The authorities of client certificates. Not undefined unless `clientCertificates` is `none`. */
  readonly clientCaFile: string | undefined;
  readonly clientCertificates: ClientCertificates;
}
