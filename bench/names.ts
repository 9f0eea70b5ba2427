/**
 * The words that workloads share: operations, sizes, and the names of those that are measured.
 *
 * A name stands in results.jsonl and in the tables, so it stays what it is.
 */

export type Operation = "put" | "get";
export const OPERATIONS: readonly Operation[] = ["put", "get"];

export const KIB = 1024;
export const MIB = 1024 * KIB;

/** What the cache is measured against has no goals of its own. */
export const CACHE_IN_MEMORY = "cache, memory";
export const CACHE_ON_FILES = "cache, files";
export const CPP_SERVER = "pyarrow C++";
export const BARE_HTTP2 = "node:http2 alone";
export const BARE_FILES = "bare files";
export const REDIS = "Redis";
export const REDIS_SYNCED = "Redis, synced";
export const MEMORY_FILES = "bare files in /dev/shm";
export const BARE_FILES_SYNCED = "bare files, synced";
export const CACHE_POWER_LOSS = "cache, power-loss";
