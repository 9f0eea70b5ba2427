/**
 * The routes of the admin listener that the dashboard needs, besides the objects and the statistics.
 */
import type { HttpRoute } from "../http/http-call.ts";
import { CONFIG_ROUTES } from "./config-routes.ts";
import { EVENT_ROUTES } from "./event-routes.ts";
import { LOG_ROUTES } from "./log-routes.ts";
import { pageRoutes } from "./page-routes.ts";
import { PIN_ROUTES } from "./pin-routes.ts";
import { USAGE_ROUTES } from "./usage-routes.ts";

export const DASHBOARD_ROUTES: readonly HttpRoute[] = [
  ...pageRoutes(),
  ...USAGE_ROUTES,
  ...CONFIG_ROUTES,
  ...EVENT_ROUTES,
  ...LOG_ROUTES,
  ...PIN_ROUTES,
];
