/**
 * `bench`: puts objects of one size, gets them back, deletes them, and prints rates and call times.
 *
 * Calls go over gRPC, several at once, in a session of their own. The session is deleted at the
 * end, also after Ctrl-C. One process on one core makes the calls, so the result is what this
 * client gets from the server, not what the server can do. bench/ compares servers.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { FlightClient } from "../client/flight/flight-client.ts";
import type { OutgoingFlightData } from "../client/flight/outgoing-flight-data.ts";
import { CacheError } from "../errors.ts";
import { OPAQUE_SCHEMA_HEADER } from "../object/object-schema.ts";
import { encodeWireRow } from "../object/opaque-row.ts";
import { ColumnPrinter, type ColumnSpec } from "./column-printer.ts";
import { jsonLine } from "./json-line.ts";
import type { Progress } from "./progress.ts";
import { formatSize } from "./quantities.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export interface BenchOptions extends VerbOptions {
  readonly size: number;
  readonly count: number;
  /** Number of concurrent calls. */
  readonly concurrency: number;
}

interface Measurement {
  readonly call: "put" | "get";
  readonly seconds: number;
  /** Duration of each call, ms, ascending. */
  readonly timesMs: readonly number[];
}

const APPLICATION = "bench";
const COLUMNS: readonly ColumnSpec[] = ["CALL", "OBJECTS/S", "RATE", "MEDIAN", "99 %", "MAX"].map(
  (title) => ({
    title,
    align: title === "CALL" ? "left" : "right",
  }),
);
const CLEANUP_MS = 5_000;

export async function bench(options: BenchOptions, run: VerbRun): Promise<"ok"> {
  const client = run.open(options);
  const session = `${APPLICATION}/${randomUUID()}`;
  const value = randomBytes(options.size);
  const total = 2 * options.count * options.size;
  const clean = (): Promise<void> => deleteSession(client, session);
  const measured = await run
    .withProgress({ label: "bench", unit: "bytes", total }, async (progress) => {
      const each = { ...options, progress, signal: run.signal };
      const put = await measure("put", each, (index) =>
        putValue(client, `${session}/${index}`, value, run.signal),
      );
      const get = await measure("get", each, (index) =>
        getValue(client, `${session}/${index}`, options.size, run.signal),
      );
      return [put, get];
    })
    .catch(async (error: unknown) => {
      // What failed first is what the user has to know: a cleanup may fail only because of it.
      await clean().catch(() => {});
      throw error;
    });
  await clean();
  await printMeasured(measured, options, run);
  return "ok";
}

/** The signal of the verb may have been aborted: this call has an end of its own. */
async function deleteSession(client: FlightClient, session: string): Promise<void> {
  for await (const _ of client.doAction("DELETE", session, { timeoutMs: CLEANUP_MS }));
}

interface MeasureOptions extends BenchOptions {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

async function measure(
  call: Measurement["call"],
  { count, concurrency, size, progress }: MeasureOptions,
  work: (index: number) => Promise<void>,
): Promise<Measurement> {
  const timesMs: number[] = [];
  let next = 0;
  const startedMs = performance.now();
  const worker = async (): Promise<void> => {
    while (next < count) {
      const begunMs = performance.now();
      await work(next++);
      timesMs.push(performance.now() - begunMs);
      progress.add(size);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, worker));
  const seconds = (performance.now() - startedMs) / 1000;
  return { call, seconds, timesMs: timesMs.sort((a, b) => a - b) };
}

async function putValue(
  client: FlightClient,
  key: string,
  value: Buffer,
  signal: AbortSignal,
): Promise<void> {
  const row = encodeWireRow({ version: 0, dataSizeBytes: value.length, codec: undefined });
  const body = [row.bodyFront, value, Buffer.alloc(row.paddingSizeBytes)];
  const messages: OutgoingFlightData[] = [
    { dataHeader: OPAQUE_SCHEMA_HEADER },
    { dataHeader: row.header, body },
  ];
  for await (const _ of client.doPut({ kind: "path", path: [key] }, messages, { signal }));
}

async function getValue(
  client: FlightClient,
  key: string,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<void> {
  let got = 0;
  for await (const data of client.doGet(key, { signal })) {
    for await (const chunk of data.chunks()) got += chunk.length;
  }
  if (got < sizeBytes) throw new CacheError("OBJECT_CORRUPT", `${key} came back shorter than it was sent`);
}

async function printMeasured(
  measurements: readonly Measurement[],
  options: BenchOptions,
  run: VerbRun,
): Promise<void> {
  const { size, count, concurrency } = options;
  if (options.json === true) {
    const lines = measurements.map(({ call, seconds, timesMs }) =>
      jsonLine({ call, size, count, concurrency, seconds, ...quantiles(timesMs) }),
    );
    return await run.print(lines.join(""));
  }
  const printer = new ColumnPrinter(COLUMNS, true, (text) => run.print(text));
  for (const { call, seconds, timesMs } of measurements) {
    const { medianMs, p99Ms, maxMs } = quantiles(timesMs);
    const rate = `${formatSize((size * count) / seconds)}/s`;
    const times = [medianMs, p99Ms, maxMs].map((time) => `${time.toFixed(2)} ms`);
    await printer.add([call, (count / seconds).toFixed(0), rate, ...times]);
  }
  await printer.end();
}

function quantiles(timesMs: readonly number[]): { medianMs: number; p99Ms: number; maxMs: number } {
  const at = (share: number): number =>
    timesMs[Math.min(timesMs.length - 1, Math.floor(share * timesMs.length))] ?? 0;
  return { medianMs: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
