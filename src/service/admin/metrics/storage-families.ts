/**
 * Metrics of the storage: the memory tier, the disk, syncs and the log.
 *
 * A hit of the memory tier is an open for a get that found the file in memory; an object with
 * patches has several files. Without a tier or a disk its families have no samples.
 */
import type { CollectedCounts, LocalCounts } from "../../../storage/storage-counts.ts";
import type { StatsReading } from "../stats-reading.ts";
import { counter, gauge, type MetricFamily, type Sample } from "./metric-family.ts";

export const STORAGE_FAMILIES: readonly MetricFamily[] = [
  {
    name: "flame_cache_tier_reads_total",
    type: "counter",
    help: "Files opened for gets, by tier. A miss in memory is followed by a hit on disk if there is one; `local` counts blobs of a bucket and their copies on the local disk.",
    labels: ["tier", "result"],
    samples: tierSamples,
  },
  counter(
    "flame_cache_tier_evictions_total",
    "Files that the memory tier dropped to make space. They stay on disk.",
    ({ cache }) => cache.storage.memory?.droppedCopies,
  ),
  gauge(
    "flame_cache_local_used_bytes",
    "Bytes of the copies on the local disk, finished or not.",
    ({ cache }) => cache.storage.local?.heldBytes,
  ),
  gauge(
    "flame_cache_local_max_bytes",
    "The limit of flame_cache_local_used_bytes: local_capacity. No sample while the start looks at the disk.",
    ({ cache }) => cache.storage.local?.bytesMax,
  ),
  {
    name: "flame_cache_local_bytes_total",
    type: "counter",
    help: "Bytes of copies on the local disk that were read in place of the object store, and written.",
    labels: ["direction"],
    samples: ({ cache: { storage } }) => localBytes(storage.local),
  },
  {
    name: "flame_cache_local_lost_total",
    type: "counter",
    help: "Copies that the local disk lost: evicted for space, damaged, abandoned before they were whole, or failed because the disk is full or broken.",
    labels: ["reason"],
    samples: ({ cache: { storage } }) => localLosses(storage.local),
  },
  gauge(
    "flame_cache_memory_used_bytes",
    "Memory that holds files.",
    ({ cache }) => cache.storage.memory?.heldBytes,
  ),
  gauge(
    "flame_cache_memory_max_bytes",
    "The limit of flame_cache_memory_used_bytes: eviction.max_memory.",
    ({ cache }) => cache.storage.memory?.bytesMax,
  ),
  gauge(
    "flame_cache_staged_memory_bytes",
    "Memory that holds bytes of running puts.",
    ({ cache }) => cache.storage.stagedBytes,
  ),
  {
    name: "flame_cache_store_requests_total",
    type: "counter",
    help: "Requests to the object store, by kind and outcome. A request that is repeated inside counts once.",
    labels: ["kind", "outcome"],
    samples: ({ cache: { storage } }) =>
      (storage.store?.requests ?? []).map(({ kind, outcome, count }) => ({
        labels: { kind, outcome },
        value: count,
      })),
  },
  gauge(
    "flame_cache_store_reachable",
    "0 while the object store is known to be out of reach, else 1.",
    ({ cache }) => cache.storage.store && Number(cache.storage.store.isReachable),
  ),
  {
    name: "flame_cache_store_collected_total",
    type: "counter",
    help: "What the collector of garbage removed from the object store.",
    labels: ["kind"],
    samples: ({ cache: { storage } }) => collectedSamples(storage.store?.collected),
  },
  {
    name: "flame_cache_replica_alive",
    type: "gauge",
    help: "1 for each server over the same bucket that is alive, by the endpoint that it registered.",
    labels: ["endpoint"],
    samples: ({ cache: { storage } }) =>
      (storage.store?.replicas ?? []).map((endpoint) => ({ labels: { endpoint }, value: 1 })),
  },
  gauge(
    "flame_cache_disk_free_bytes",
    "Bytes that the file system of the storage directory has available.",
    ({ space }) => space?.freeBytes,
  ),
  gauge(
    "flame_cache_disk_size_bytes",
    "Size of the file system of the storage directory.",
    ({ space }) => space?.totalBytes,
  ),
  {
    name: "flame_cache_sync_duration_seconds",
    type: "histogram",
    help: "Time of one sync to the disk: of a file, a directory, the log, or a small record.",
    labels: ["kind"],
    samples: ({ cache: { storage } }) =>
      Object.entries(storage.disk?.syncs ?? {}).map(([kind, histogram]) => ({ labels: { kind }, histogram })),
  },
  gauge(
    "flame_cache_commit_log_bytes",
    "Records of the log in segments that were not released.",
    ({ cache }) => cache.storage.disk?.log.bytes,
  ),
  gauge(
    "flame_cache_commit_log_files",
    "Objects and patches that only the log has: their files are not written yet.",
    ({ cache }) => cache.storage.disk?.log.files,
  ),
  counter(
    "flame_cache_commit_log_checkpoints_total",
    "Segments of the log that were released, because the directory has all of their files.",
    ({ cache }) => cache.storage.disk?.log.checkpoints,
  ),
  gauge(
    "flame_cache_commit_log_held_segments",
    "Segments of the log that stay until the next boot, because a file could not be synced.",
    ({ cache }) => cache.storage.disk?.log.heldSegments,
  ),
  counter(
    "flame_cache_quarantined_files_total",
    "Damaged files that were moved to quarantine.",
    ({ cache }) => cache.storage.disk?.quarantined,
  ),
];

function collectedSamples(collected: CollectedCounts | undefined): Sample[] {
  if (collected === undefined) return [];
  const { blobs, tombstones, expiredObjects } = collected;
  const counts = { blob: blobs, tombstone: tombstones, expired_object: expiredObjects };
  return Object.entries(counts).map(([kind, value]) => ({ labels: { kind }, value }));
}

function localBytes(local: LocalCounts | undefined): Sample[] {
  if (local === undefined) return [];
  return [
    { labels: { direction: "read" }, value: local.readBytes },
    { labels: { direction: "written" }, value: local.writtenBytes },
  ];
}

function localLosses(local: LocalCounts | undefined): Sample[] {
  if (local === undefined) return [];
  const { evicted, damaged, abandoned, failed } = local;
  const losses = { evicted, damaged, abandoned, failed };
  return Object.entries(losses).map(([reason, value]) => ({ labels: { reason }, value }));
}

function* tierSamples({ cache: { storage } }: StatsReading): Generator<Sample> {
  const { memory, disk, local } = storage;
  if (memory !== undefined) {
    yield { labels: { tier: "memory", result: "hit" }, value: memory.hits };
    yield { labels: { tier: "memory", result: "miss" }, value: memory.misses };
  }
  if (local !== undefined) {
    yield { labels: { tier: "local", result: "hit" }, value: local.hits };
    yield { labels: { tier: "local", result: "miss" }, value: local.misses };
  }
  if (disk !== undefined) yield { labels: { tier: "disk", result: "hit" }, value: disk.opens };
}
