/**
 * `/metrics` for Prometheus and for every collector that reads its formats.
 *
 * The header `accept` chooses OpenMetrics 1.0; everything else gets the format 0.0.4. The cost is
 * that of a few thousand lines of text and one statfs, so a scrape each second is no load.
 */
import { turnIfDue } from "../../../turns.ts";
import type { HttpRoute } from "../../http/http-call.ts";
import type { ServerStats } from "../server-stats.ts";
import { CACHE_FAMILIES } from "./cache-families.ts";
import { CALL_FAMILIES } from "./call-families.ts";
import type { MetricFamily } from "./metric-family.ts";
import { CONTENT_TYPES, formatMetrics, type MetricsFormat } from "./metrics-text.ts";
import { PROCESS_FAMILIES } from "./process-families.ts";
import { STORAGE_FAMILIES } from "./storage-families.ts";

/** In the order of the text. */
export const METRIC_FAMILIES: readonly MetricFamily[] = [
  ...CALL_FAMILIES,
  ...CACHE_FAMILIES,
  ...STORAGE_FAMILIES,
  ...PROCESS_FAMILIES,
];

export const METRICS_ROUTE: HttpRoute = {
  method: "GET",
  path: "/metrics",
  access: ["admin"],
  handle: async ({ request, response, context }) => {
    const format = formatFor(request.headers.accept ?? "");
    const text = await textOf(context.stats, format);
    response.writeHead(200, {
      "content-type": CONTENT_TYPES[format],
      "cache-control": "no-store",
      vary: "accept",
    });
    response.end(text);
  },
};

/** Texts that were asked for and whose reading is not taken yet: scrapes at the same time share one. */
const AWAITED = new WeakMap<ServerStats, Map<MetricsFormat, Promise<string>>>();

function textOf(stats: ServerStats, format: MetricsFormat): Promise<string> {
  const awaited = AWAITED.get(stats) ?? new Map<MetricsFormat, Promise<string>>();
  AWAITED.set(stats, awaited);
  const known = awaited.get(format);
  if (known !== undefined) return known;
  const read = async (): Promise<string> => {
    try {
      await stats.refresh();
      await turnIfDue();
    } finally {
      awaited.delete(format);
    }
    return formatMetrics(METRIC_FAMILIES, stats.read(), format);
  };
  const text = read();
  awaited.set(format, text);
  return text;
}

/** The format with the higher weight; a tie goes to OpenMetrics, which is the stricter one. */
export function formatFor(accept: string): MetricsFormat {
  let [openmetrics, prometheus] = [0, 0];
  for (const range of accept.split(",")) {
    const [type, ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const weight = weightOf(parameters);
    const version = parameters.find((each) => each.startsWith("version="))?.slice("version=".length);
    if (type === "application/openmetrics-text" && (version ?? "1.0.0") === "1.0.0") {
      openmetrics = Math.max(openmetrics, weight);
    } else if (type === "text/plain") prometheus = Math.max(prometheus, weight);
  }
  return openmetrics > 0 && openmetrics >= prometheus ? "openmetrics" : "prometheus";
}

function weightOf(parameters: readonly string[]): number {
  const text = parameters.find((each) => each.startsWith("q="))?.slice(2) ?? "1";
  return /^[01](\.\d{0,3})?$/.test(text) ? Number(text) : 0;
}
