/**
 * `/v1/admin/stats`: all numbers of the server as JSON.
 *
 * For the dashboard and for scripts; a monitoring system reads `/metrics`.
 */
import type { HttpRoute } from "../http/http-call.ts";

export const STATS_ROUTES: readonly HttpRoute[] = [
  {
    method: "GET",
    path: "/v1/admin/stats",
    access: ["admin"],
    handle: async ({ response, context }) => {
      await context.stats.refresh();
      response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" });
      response.end(`${JSON.stringify(context.stats.snapshot())}\n`);
    },
  },
];
