/**
 * Metrics of objects: how many there are, what they take of their bounds, and what removed them.
 *
 * Families of bounds have a sample only if there is such a bound, and those of objects only if this
 * server counts them.
 */
import { counter, gauge, type MetricFamily } from "./metric-family.ts";

export const CACHE_FAMILIES: readonly MetricFamily[] = [
  gauge(
    "flame_cache_objects",
    "Objects in the index. During the scan of the start there may be more.",
    ({ cache }) => cache.objects,
  ),
  gauge(
    "flame_cache_objects_max",
    "The limit of flame_cache_objects: eviction.max_objects.",
    ({ cache }) => cache.budget?.objectsMax,
  ),
  gauge("flame_cache_object_bytes", "Bytes of the files of all objects.", ({ cache }) => cache.objectBytes),
  gauge(
    "flame_cache_scan_running",
    "1 while the scan of the start looks for objects, otherwise 0.",
    ({ cache }) => Number(cache.isScanning),
  ),
  gauge(
    "flame_cache_space_used_bytes",
    "Bytes charged to the capacity: objects, running puts, and removed objects that are still read.",
    ({ cache }) => cache.budget?.usedBytes,
  ),
  gauge(
    "flame_cache_space_max_bytes",
    "The limit of flame_cache_space_used_bytes: capacity, or with storage none a part of max_memory.",
    ({ cache }) => cache.budget?.bytesMax,
  ),
  gauge(
    "flame_cache_space_staged_bytes",
    "Bytes of the capacity that running puts have charged.",
    ({ cache }) => cache.budget?.stagedBytes,
  ),
  gauge(
    "flame_cache_space_pinned_bytes",
    "Bytes of the capacity that pinned objects take.",
    ({ cache }) => cache.budget?.pinnedBytes,
  ),
  {
    name: "flame_cache_evictions_total",
    type: "counter",
    help: "Objects that were evicted, because of too many bytes or too many objects.",
    labels: ["reason"],
    samples: ({ cache: { removals } }) => [
      { labels: { reason: "bytes" }, value: removals.evictedObjects - removals.evictedForCount },
      { labels: { reason: "objects" }, value: removals.evictedForCount },
    ],
  },
  counter(
    "flame_cache_evicted_bytes_total",
    "Bytes of evicted objects.",
    ({ cache }) => cache.removals.evictedBytes,
  ),
  counter(
    "flame_cache_expired_objects_total",
    "Objects that were removed because their time to live was over.",
    ({ cache }) => cache.removals.expiredObjects,
  ),
  counter(
    "flame_cache_refused_puts_total",
    "Puts refused with STORAGE_FULL, because no eviction could make enough space.",
    ({ cache }) => cache.removals.refusals,
  ),
];
