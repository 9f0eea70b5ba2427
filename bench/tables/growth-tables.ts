/**
 * Tables of what grows: objects by patches, a store beyond the memory it has, a start with many objects.
 *
 * Each says below it, or in its columns, what its ratios are against.
 */
import { KIB } from "../names.ts";
import { type MillionResult, mediansOf } from "../workloads/million.ts";
import type { MoreThanMemoryResult } from "../workloads/more-than-memory.ts";
import type { PatchesResult } from "../workloads/patches.ts";
import { formatSize, formatSpread, formatTable } from "./markdown.ts";

export function formatPatches({ rows, absent, patches }: PatchesResult): string {
  const cells = rows.map((row) => [
    formatSize(row.baseBytes),
    row.server,
    row.patchMs.median.toFixed(3),
    formatSpread(row.patchMs, 3),
    row.patchRatio.toFixed(2),
    row.growthRatio.toFixed(2),
    row.newestMs.median.toFixed(3),
    formatSpread(row.newestMs, 3),
    row.newestRatio.toFixed(2),
    row.getRatio.toFixed(2),
  ]);
  const missing = absent.map(({ server, reason }) => ["", server, reason]);
  const head = [
    "base",
    "server",
    "patch ms",
    "range ms",
    "vs smallest base",
    "last vs first round",
    `newest of ${patches} ms`,
    "range ms",
    "vs newest of 1",
    `vs get of ${formatSize(KIB)}`,
  ];
  return formatTable(head, [...cells, ...missing]);
}

export function formatMoreThanMemory({ rows, maxMemoryMib }: MoreThanMemoryResult): string {
  const cells = rows.map((row) => [
    row.operation,
    row.server,
    `${row.objects}`,
    `${Math.round(row.bytes / 1e6 / row.seconds)}`,
    row.seconds.toFixed(1),
    `${row.missing}`,
    `${row.different}`,
    row.peakMib.toFixed(0),
  ]);
  const head = ["call", "server", "objects", "MB/s", "seconds", "evicted", "mismatches", "peak MiB"];
  return `${formatTable(head, cells)}\n\nThe caches have ${maxMemoryMib} MiB for objects.`;
}

export function formatMillion({ rows, objects, absent }: MillionResult): string {
  if (rows.length === 0) return absent.map(({ server, reason }) => `${server}: ${reason}`).join("\n");
  const cells = rows.map((row, i) => [
    `${i + 1}`,
    row.listeningMs.toFixed(0),
    row.firstGetMs.toFixed(0),
    row.listSeconds.toFixed(2),
    row.getsMs,
    row.memoryMib,
  ]);
  const { firstGetMs, listSeconds } = mediansOf(rows);
  const head = [
    "start",
    "listening ms",
    "first get ms",
    "list s",
    "gets during list p50 / p99 / max ms",
    "MiB now / peak",
  ];
  const medians = `Medians with ${objects} objects: first get ${firstGetMs.toFixed(0)} ms, list complete ${listSeconds.toFixed(2)} s\nafter the start of the process.`;
  return `${formatTable(head, [...cells], 1)}\n\n${medians}`;
}
