/**
 * Metrics of calls, connections and transferred bytes, over gRPC and HTTP.
 *
 * A method is a Flight method (`DoGet`), an action (`DoAction/PIN`), a method of another gRPC
 * service (`Health/Check`) or a route of HTTP (`GET /metrics`).
 */
import { CALL_CODES } from "../../../metrics/call-metrics.ts";
import type { StatsReading } from "../stats-reading.ts";
import { gauge, type MetricFamily, type Sample } from "./metric-family.ts";

/** Calls that were refused before their method ran. */
const NO_METHOD = "none";

export const CALL_FAMILIES: readonly MetricFamily[] = [
  {
    name: "flame_cache_calls_total",
    type: "counter",
    help: "Calls that have ended, by method and by the code of their error, or OK.",
    labels: ["method", "code"],
    samples: callSamples,
  },
  {
    name: "flame_cache_errors_total",
    type: "counter",
    help: "Calls that ended with an error, by its code. Every code has a series from the start.",
    labels: ["code"],
    samples: errorSamples,
  },
  {
    name: "flame_cache_call_duration_seconds",
    type: "histogram",
    help: "Time from the start of a call's handler to its end.",
    labels: ["method"],
    samples: ({ calls }) =>
      calls.methods.map(({ name, seconds }) => ({ labels: { method: name }, histogram: seconds })),
  },
  gauge("flame_cache_open_calls", "Calls over gRPC that are running.", ({ server }) => server.openCalls),
  gauge(
    "flame_cache_calls_memory_bytes",
    "Memory that running calls and connections hold.",
    ({ server }) => server.memory.usedBytes,
  ),
  gauge(
    "flame_cache_calls_memory_max_bytes",
    "The limit of flame_cache_calls_memory_bytes: limits.calls_memory.",
    ({ server }) => server.memory.bytesMax,
  ),
  {
    name: "flame_cache_received_bytes_total",
    type: "counter",
    help: "Bytes of requests that have arrived: gRPC messages, or all bytes of HTTP connections.",
    labels: ["protocol"],
    samples: ({ server, http }) => byProtocol(server.traffic.receivedBytes, http.bytes.receivedBytes),
  },
  {
    name: "flame_cache_sent_bytes_total",
    type: "counter",
    help: "Bytes of answers that were sent: gRPC messages, or all bytes of HTTP connections.",
    labels: ["protocol"],
    samples: ({ server, http }) => byProtocol(server.traffic.sentBytes, http.bytes.sentBytes),
  },
  {
    name: "flame_cache_connections",
    type: "gauge",
    help: "Open connections.",
    labels: ["protocol"],
    samples: ({ server, http }) => byProtocol(server.sessions, http.connections),
  },
  {
    name: "flame_cache_refused_connections_total",
    type: "counter",
    help: "Connections that were closed at once because the limit was reached.",
    labels: ["protocol"],
    samples: ({ server, http }) => byProtocol(server.refusedConnections, http.refusedConnections),
  },
];

function byProtocol(grpc: number, http: number): Sample[] {
  return [
    { labels: { protocol: "grpc" }, value: grpc },
    { labels: { protocol: "http" }, value: http },
  ];
}

/** A series that first appears with 1 is no increase to PromQL, so each begins with 0. */
function errorSamples({ calls, server }: StatsReading): Sample[] {
  return CALL_CODES.filter((code) => code !== "OK").map((code) => {
    const refused = (server.refusals as ReadonlyMap<string, number>).get(code) ?? 0;
    const value = calls.methods.reduce((sum, method) => sum + method.calls(code), refused);
    return { labels: { code }, value };
  });
}

function* callSamples({ calls, server }: StatsReading): Generator<Sample> {
  for (const method of calls.methods) {
    yield { labels: { method: method.name, code: "OK" }, value: method.calls("OK") };
    for (const [code, value] of method.codes()) {
      if (code !== "OK") yield { labels: { method: method.name, code }, value };
    }
  }
  for (const [code, value] of server.refusals) yield { labels: { method: NO_METHOD, code }, value };
}
