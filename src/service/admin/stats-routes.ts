/**
 * `/v1/admin/stats`: all numbers of the server as JSON.
 *
 * For the dashboard and for scripts; a monitoring system reads `/metrics`.
 */
import type { HttpRoute } from "../http/http-call.ts";
import { answerJson } from "../http/json-answer.ts";

export const STATS_ROUTES: readonly HttpRoute[] = [
  {
    method: "GET",
    path: "/v1/admin/stats",
    access: ["admin"],
    handle: async ({ response, context }) => {
      await context.stats.refresh();
      answerJson(response, 200, context.stats.snapshot());
    },
  },
];
