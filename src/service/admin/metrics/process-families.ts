/**
 * Metrics of the process and of its JavaScript runtime, under the names that other exporters use.
 *
 * In a host process they are those of the host.
 * Source: Prometheus, "Writing client libraries", section "Process metrics".
 */
import { BUILD_VERSION } from "../build-version.ts";
import { GC_KINDS } from "../runtime-monitor.ts";
import { counter, gauge, type MetricFamily } from "./metric-family.ts";

export const PROCESS_FAMILIES: readonly MetricFamily[] = [
  {
    name: "flame_cache_build_info",
    type: "info",
    help: "Version of the server and of Node.",
    labels: ["version", "node"],
    samples: () => [{ labels: { version: BUILD_VERSION, node: process.versions.node }, value: 1 }],
  },
  {
    name: "flame_cache_event_loop_delay_seconds",
    type: "histogram",
    help: "How late a timer of 20 ms runs.",
    samples: ({ runtime }) => [{ histogram: runtime.loopDelaySeconds }],
  },
  {
    name: "nodejs_gc_duration_seconds",
    type: "histogram",
    help: "Time of one garbage collection.",
    labels: ["kind"],
    samples: ({ runtime }) =>
      GC_KINDS.map((kind) => ({ labels: { kind }, histogram: runtime.gcSeconds[kind] })),
  },
  gauge(
    "nodejs_heap_size_used_bytes",
    "Used bytes of the JavaScript heap.",
    ({ process }) => process.heapUsedBytes,
  ),
  gauge(
    "nodejs_heap_size_total_bytes",
    "Size of the JavaScript heap.",
    ({ process }) => process.heapTotalBytes,
  ),
  gauge(
    "nodejs_external_memory_bytes",
    "Memory of buffers and native objects.",
    ({ process }) => process.externalBytes,
  ),
  gauge(
    "process_resident_memory_bytes",
    "Resident memory of the process.",
    ({ process }) => process.residentBytes,
  ),
  counter("process_cpu_seconds_total", "Processor time of the process.", ({ process }) => process.cpuSeconds),
  gauge(
    "process_start_time_seconds",
    "Start of the process, seconds since 1970.",
    ({ process }) => process.startedSeconds,
  ),
  gauge("process_open_fds", "Open file descriptors of the process.", ({ openFiles }) => openFiles?.open),
  gauge("process_max_fds", "The limit of process_open_fds.", ({ openFiles }) => openFiles?.openMax),
];
