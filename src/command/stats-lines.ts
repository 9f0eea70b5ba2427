/**
 * The lines of `stats`: a label and the most telling numbers of one part of the server on each.
 *
 * The answer comes from a server that may be older or newer, so each number may be missing.
 */
import { alignRows } from "./align-rows.ts";
import { formatCount, formatDuration, formatSize } from "./quantities.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** The answer, and when it came. */
export interface StatsView {
  readonly atMs: number;
  readonly root: StatsPart;
}

/** Reads numbers and parts of an answer by name; what is missing is undefined. */
class StatsPart {
  readonly #fields: JsonObject;

  constructor(fields: unknown) {
    this.#fields = typeof fields === "object" && fields !== null ? (fields as JsonObject) : {};
  }

  part(name: string): StatsPart {
    return new StatsPart(this.#fields[name]);
  }

  number(name: string): number | undefined {
    const value = this.#fields[name];
    return typeof value === "number" && Number.isFinite(value) ? value : undefined;
  }

  text(name: string): string | undefined {
    const value = this.#fields[name];
    return typeof value === "string" ? value : undefined;
  }

  names(): string[] {
    return Object.keys(this.#fields);
  }
}

export function readStats(answer: JsonObject): StatsView {
  return { atMs: performance.now(), root: new StatsPart(answer) };
}

/** @param before an earlier view of the same server, for rates. */
export function statsLines(now: StatsView, before?: StatsView): string[] {
  const { root } = now;
  const rows = [
    serverRow(root),
    ["objects", objectsText(root)],
    ["space", spaceText(root.part("space"))],
    ["memory", memoryText(root.part("memory"))],
    ["disk", diskText(root.part("disk"))],
    ["removed", removalsText(root.part("removals"))],
    ["traffic", trafficText(now, before)],
    ["process", processText(root.part("process"))],
  ].filter(([, text]) => text !== "");
  return [...alignRows(rows, ["left", "left"]), "", ...callLines(now, before)];
}

function serverRow(root: StatsPart): string[] {
  const uptime = root.number("uptime_seconds");
  const up = uptime === undefined ? [] : [`up ${formatDuration(1000 * uptime)}`];
  const node = root.text("node");
  return ["server", [root.text("version"), ...up, node && `Node ${node}`].filter(Boolean).join(", ")];
}

function objectsText(root: StatsPart): string {
  const objects = root.part("objects");
  const count = objects.number("count");
  if (count === undefined) return "not counted";
  return `${formatCount(count, "object")}, ${formatSize(objects.number("bytes") ?? 0)}`;
}

function spaceText(space: StatsPart): string {
  return list([
    shareText(space.number("used_bytes"), space.number("bytes_max")),
    sizeText("staged", space.number("staged_bytes")),
    sizeText("pinned", space.number("pinned_bytes")),
  ]);
}

function memoryText(memory: StatsPart): string {
  const hits = memory.number("hits") ?? 0;
  const reads = hits + (memory.number("misses") ?? 0);
  const ratio = reads === 0 ? undefined : `${((100 * hits) / reads).toFixed(1)}% hits`;
  return list([shareText(memory.number("used_bytes"), memory.number("bytes_max")), ratio]);
}

function diskText(disk: StatsPart): string {
  const free = disk.number("free_bytes");
  const total = disk.number("total_bytes");
  const space =
    free === undefined || total === undefined
      ? undefined
      : `${formatSize(free)} free of ${formatSize(total)}`;
  return list([space, sizeText("log", disk.number("commit_log_bytes"))]);
}

function removalsText(removals: StatsPart): string {
  return list([
    countText("evicted", removals.number("evicted_objects")),
    countText("expired", removals.number("expired_objects")),
    countText("quarantined", removals.number("quarantined_objects")),
    countText("puts refused", removals.number("refused_puts")),
  ]);
}

function trafficText(now: StatsView, before: StatsView | undefined): string {
  const connections = now.root.part("connections");
  return list([
    flowText("in", "received_bytes", now, before),
    flowText("out", "sent_bytes", now, before),
    formatCount((connections.number("grpc") ?? 0) + (connections.number("http") ?? 0), "connection"),
  ]);
}

function flowText(label: string, name: string, now: StatsView, before: StatsView | undefined): string {
  const total = now.root.part("traffic").number(name) ?? 0;
  const earlier = before?.root.part("traffic").number(name);
  const rate = rateOf(total, earlier, now, before);
  return `${label} ${formatSize(total)}${rate === undefined ? "" : ` (${formatSize(rate)}/s)`}`;
}

function processText(process: StatsPart): string {
  const delay = process.part("event_loop_delay").number("p99_seconds");
  return list([
    sizeText("resident", process.number("resident_bytes")),
    sizeText("heap", process.number("heap_used_bytes")),
    delay === undefined ? undefined : `event loop delay ${milliseconds(delay)} (p99)`,
  ]);
}

/** A table of the methods that were called. */
function callLines(now: StatsView, before: StatsView | undefined): string[] {
  const methods = now.root.part("calls").part("by_method");
  const rows = methods.names().flatMap((name) => {
    const method = methods.part(name);
    const count = method.number("count") ?? 0;
    if (count === 0) return [];
    const earlier = before?.root.part("calls").part("by_method").part(name).number("count");
    const rate = rateOf(count, earlier, now, before);
    const times = ["p50_seconds", "p99_seconds"].map((each) => milliseconds(method.number(each)));
    const errors = String(method.number("errors") ?? 0);
    return [[name, String(count), rate === undefined ? "-" : rate.toFixed(1), ...times, errors]];
  });
  const titles = ["METHOD", "CALLS", "CALLS/S", "P50", "P99", "ERRORS"];
  return rows.length === 0
    ? []
    : alignRows([titles, ...rows], ["left", "right", "right", "right", "right", "right"]);
}

/** Units per second since the earlier view. */
function rateOf(
  total: number,
  earlier: number | undefined,
  now: StatsView,
  before: StatsView | undefined,
): number | undefined {
  if (before === undefined || earlier === undefined || now.atMs <= before.atMs) return undefined;
  return Math.max(0, (1000 * (total - earlier)) / (now.atMs - before.atMs));
}

function shareText(used: number | undefined, max: number | undefined): string | undefined {
  if (used === undefined) return undefined;
  if (max === undefined || max === 0) return `${formatSize(used)} used`;
  return `${formatSize(used)} of ${formatSize(max)} (${((100 * used) / max).toFixed(0)}%)`;
}

function sizeText(label: string, bytes: number | undefined): string | undefined {
  return bytes === undefined ? undefined : `${label} ${formatSize(bytes)}`;
}

function countText(label: string, count: number | undefined): string | undefined {
  return count === undefined ? undefined : `${count} ${label}`;
}

function milliseconds(seconds: number | undefined): string {
  return seconds === undefined ? "-" : `${(1000 * seconds).toFixed(seconds < 0.01 ? 2 : 0)} ms`;
}

function list(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join(", ");
}
