/**
 * A family of metrics: its name, its meaning, and how its samples are taken from a reading.
 *
 * The families are tables, in the files beside this one; the document of the metrics contains them.
 * Names follow the conventions of Prometheus: base units, `_total` for counters. Labels have few
 * values, which come from tables of the program and never from a caller.
 */
import type { Histogram } from "../../../metrics/histogram.ts";
import type { StatsReading } from "../stats-reading.ts";

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

export interface HistogramSample {
  readonly labels?: Labels;
  readonly histogram: Histogram;
}

interface FamilyFacts {
  /** As in the text format of Prometheus: a counter ends with `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

export interface ScalarFamily extends FamilyFacts {
  readonly type: "counter" | "gauge" | "info";
  /** A family without samples is left out: what it counts does not exist in this server. */
  samples(reading: StatsReading): Iterable<Sample>;
}

export interface HistogramFamily extends FamilyFacts {
  readonly type: "histogram";
  samples(reading: StatsReading): Iterable<HistogramSample>;
}

export type MetricFamily = ScalarFamily | HistogramFamily;

/** Reads one number; undefined: there is none. */
type ReadValue = (reading: StatsReading) => number | undefined;

/** A counter without labels. */
export function counter(name: string, help: string, read: ReadValue): MetricFamily {
  return { name, help, type: "counter", samples: (reading) => single(read(reading)) };
}

/** A gauge without labels. A limit that is infinite has no sample. */
export function gauge(name: string, help: string, read: ReadValue): MetricFamily {
  return { name, help, type: "gauge", samples: (reading) => single(read(reading)) };
}

function single(value: number | undefined): Sample[] {
  return value === undefined || value === Number.POSITIVE_INFINITY ? [] : [{ value }];
}
