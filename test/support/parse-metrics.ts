/**
 * Reads the text formats of metrics strictly: what a format forbids is an error that names the line.
 *
 * Source: Prometheus, "Exposition formats" (0.0.4); OpenMetrics 1.0.0, "Text format". Only the types that the server
 * writes are known.
 */
import type { MetricsFormat } from "../../src/service/admin/metrics/metrics-text.ts";

export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly unit: string | undefined;
  readonly help: string;
  readonly samples: readonly ParsedSample[];
}

interface OpenFamily {
  name: string;
  type?: string;
  unit?: string;
  help?: string;
  samples: ParsedSample[];
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const COMMENT = new RegExp(`^# (TYPE|UNIT|HELP) (${NAME}) (.*)$`);
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?=[^,])|$)/y;
const NUMBER = /^[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf|NaN)$/;

/** Suffixes of a family's samples, by its type. */
const SUFFIXES: Readonly<Record<MetricsFormat, Readonly<Record<string, readonly string[]>>>> = {
  prometheus: { counter: [""], gauge: [""], histogram: ["_bucket", "_sum", "_count"] },
  openmetrics: {
    counter: ["_total"],
    gauge: [""],
    info: ["_info"],
    histogram: ["_bucket", "_sum", "_count"],
  },
};

export function parseMetrics(text: string, format: MetricsFormat): Map<string, ParsedFamily> {
  const lines = linesOf(text, format);
  const families = new Map<string, OpenFamily>();
  let open: OpenFamily | undefined;
  for (const line of lines) {
    const [, keyword, name, rest] = COMMENT.exec(line) ?? [];
    if (keyword === undefined) takeSample(open, line, format);
    else {
      if (name !== open?.name) {
        open = { name: name!, samples: [] };
        if (families.has(open.name)) throw new Error(`the family of ${line} is in two places`);
        families.set(open.name, open);
      }
      describe(open!, keyword, rest!, format);
    }
  }
  const checked = [...families.values()].map((family) => checkFamily(family, format));
  return new Map(checked.map((family) => [family.name, family]));
}

function linesOf(text: string, format: MetricsFormat): string[] {
  if (!text.endsWith("\n")) throw new Error("the text does not end with a line feed");
  const lines = text.slice(0, -1).split("\n");
  const end = lines.indexOf("# EOF");
  if (format === "openmetrics" && end !== lines.length - 1) throw new Error("# EOF is not the last line");
  if (format === "prometheus" && end >= 0) throw new Error("# EOF is not a line of this format");
  return format === "openmetrics" ? lines.slice(0, -1) : lines;
}

function describe(family: OpenFamily, keyword: string, rest: string, format: MetricsFormat): void {
  const key = keyword.toLowerCase() as "type" | "unit" | "help";
  if (family[key] !== undefined || family.samples.length > 0)
    throw new Error(`${keyword} of ${family.name} is late`);
  if (key === "unit" && (format !== "openmetrics" || !family.name.endsWith(`_${rest}`)))
    throw new Error(`the unit of ${family.name} is not its ending`);
  family[key] = rest;
}

function takeSample(family: OpenFamily | undefined, line: string, format: MetricsFormat): void {
  const [, name, labels = "", value] = SAMPLE.exec(line) ?? [];
  if (family === undefined || name === undefined) throw new Error(`not a sample of a family: ${line}`);
  const suffixes = SUFFIXES[format][family.type ?? ""];
  if (!suffixes?.some((suffix) => name === `${family.name}${suffix}`))
    throw new Error(`${line} does not belong to ${family.name} of type ${family.type}`);
  if (!NUMBER.test(value!)) throw new Error(`not a number: ${line}`);
  family.samples.push({ name, labels: parseLabels(labels, line), value: numberOf(value!) });
}

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const [, name, value] = LABEL.exec(text) ?? [];
    if (name === undefined || name in labels) throw new Error(`labels of ${line}`);
    labels[name] = value!.replaceAll(/\\(.)/g, (_, character) => (character === "n" ? "\n" : character));
  }
  return labels;
}

function numberOf(text: string): number {
  return Number(text.replace("Inf", "Infinity"));
}

function checkFamily(family: OpenFamily, format: MetricsFormat): ParsedFamily {
  const { name, type, unit, help, samples } = family;
  if (type === undefined || help === undefined || help === "" || samples.length === 0)
    throw new Error(`${name} lacks its type, its help or its samples`);
  const keys = samples.map(
    (sample) => `${sample.name} ${JSON.stringify(Object.entries(sample.labels).toSorted())}`,
  );
  if (new Set(keys).size !== keys.length) throw new Error(`${name} has a sample twice`);
  if (type === "counter" && samples.some(({ value }) => !(value >= 0)))
    throw new Error(`${name} is negative`);
  if (type === "counter" && format === "prometheus" && !name.endsWith("_total"))
    throw new Error(`the counter ${name} has no _total`);
  if (type === "histogram") checkHistogram(name, samples);
  return { name, type, unit, help, samples };
}

function checkHistogram(name: string, samples: readonly ParsedSample[]): void {
  const series = new Map<string, ParsedSample[]>();
  for (const sample of samples) {
    const { le, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const [labels, own] of series) {
    const buckets = own.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map((bucket) => numberOf(bucket.labels.le ?? ""));
    const counts = buckets.map(({ value }) => value);
    const count = own.find((sample) => sample.name === `${name}_count`)?.value;
    const isRising = (numbers: readonly number[], step: (a: number, b: number) => boolean): boolean =>
      numbers.every((number, index) => index === 0 || step(numbers[index - 1]!, number));
    if (!isRising(bounds, (a, b) => a < b)) throw new Error(`the bounds of ${name}${labels} are not sorted`);
    if (!isRising(counts, (a, b) => a <= b)) throw new Error(`the buckets of ${name}${labels} fall`);
    if (bounds.at(-1) !== Number.POSITIVE_INFINITY) throw new Error(`${name}${labels} has no bucket +Inf`);
    if (count === undefined || counts.at(-1) !== count)
      throw new Error(`${name}${labels} counts differently`);
    if (!own.some((sample) => sample.name === `${name}_sum`)) throw new Error(`${name}${labels} has no sum`);
  }
}
