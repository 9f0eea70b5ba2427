/**
 * Writes families of metrics as text: the format 0.0.4 of Prometheus, or OpenMetrics 1.0.
 *
 * Source: Prometheus, "Exposition formats"; OpenMetrics 1.0.0, section "Text format". They differ
 * in the names of counters and infos, in the line of the unit, and in the end. Bounds of buckets are
 * written as OpenMetrics demands (`1.0`), so that a series has one name in both.
 */
import type { StatsReading } from "../stats-reading.ts";
import type { HistogramSample, Labels, MetricFamily, Sample } from "./metric-family.ts";

export type MetricsFormat = "prometheus" | "openmetrics";

export const CONTENT_TYPES: Readonly<Record<MetricsFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

const UNITS = ["seconds", "bytes"];

export function formatMetrics(
  families: readonly MetricFamily[],
  reading: StatsReading,
  format: MetricsFormat,
): string {
  const lines: string[] = [];
  for (const family of families) writeFamily(lines, family, { reading, format });
  if (format === "openmetrics") lines.push("# EOF");
  return `${lines.join("\n")}\n`;
}

interface FamilyOptions {
  readonly reading: StatsReading;
  readonly format: MetricsFormat;
}

function writeFamily(lines: string[], family: MetricFamily, { reading, format }: FamilyOptions): void {
  const { name, help } = family;
  const samples =
    family.type === "histogram"
      ? [...family.samples(reading)].flatMap((sample) => histogramLines(name, sample))
      : [...family.samples(reading)].map((sample) => sampleLine(name, sample));
  if (samples.length === 0) return;
  const described = format === "openmetrics" ? familyName(family) : name;
  lines.push(`# TYPE ${described} ${typeName(family, format)}`);
  const unit = UNITS.find((each) => described.endsWith(`_${each}`));
  if (format === "openmetrics" && unit !== undefined) lines.push(`# UNIT ${described} ${unit}`);
  lines.push(`# HELP ${described} ${escapeHelp(help, format)}`, ...samples);
}

/** OpenMetrics describes a family without the suffix of its samples. */
function familyName({ name, type }: MetricFamily): string {
  if (type === "counter") return name.replace(/_total$/, "");
  return type === "info" ? name.replace(/_info$/, "") : name;
}

function typeName({ type }: MetricFamily, format: MetricsFormat): string {
  return type === "info" && format === "prometheus" ? "gauge" : type;
}

function sampleLine(name: string, { labels, value }: Sample): string {
  return `${name}${formatLabels(labels)} ${formatNumber(value)}`;
}

function histogramLines(name: string, { labels, histogram }: HistogramSample): string[] {
  const bounds = [...histogram.bounds.map(formatBound), "+Inf"];
  const counts = histogram.cumulative();
  const buckets = bounds.map(
    (le, index) => `${name}_bucket${formatLabels({ ...labels, le })} ${counts[index]}`,
  );
  return [
    ...buckets,
    `${name}_sum${formatLabels(labels)} ${formatNumber(histogram.sum)}`,
    `${name}_count${formatLabels(labels)} ${counts.at(-1)}`,
  ];
}

function formatLabels(labels: Labels = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function formatBound(bound: number): string {
  return Number.isInteger(bound) ? `${bound}.0` : `${bound}`;
}

function formatNumber(value: number): string {
  if (Number.isFinite(value)) return `${value}`;
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

function escapeValue(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}

/** Prometheus 0.0.4 does not escape quotes in help. */
function escapeHelp(text: string, format: MetricsFormat): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return format === "openmetrics" ? escaped.replaceAll('"', '\\"') : escaped;
}
