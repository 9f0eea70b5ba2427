/**
 * The listeners for HTTP: the admin listener, and one for the HTTP API alone.
 *
 * If the default port of the admin listener is taken, the server runs without that listener: two
 * servers on one host need no configuration.
 */
import type { AccessControl } from "../access/access-control.ts";
import type { CacheConfig } from "../config/cache-config.ts";
import { DEFAULT_ADMIN, formatHttpAddress, type HttpAddress } from "../config/http-address.ts";
import type { ServerTls } from "../grpc/server-transport.ts";
import { logFor } from "../log.ts";
import { errnoOf } from "../storage/disk/disk-failure.ts";
import { DASHBOARD_ROUTES } from "./admin/dashboard-routes.ts";
import { HEALTH_ROUTES } from "./admin/health-routes.ts";
import { JOURNAL_ROUTES } from "./admin/journal-routes.ts";
import { METRICS_ROUTE } from "./admin/metrics/metrics-route.ts";
import { STATS_ROUTES } from "./admin/stats-routes.ts";
import type { HttpRoute } from "./http/http-call.ts";
import { HttpServer } from "./http/http-server.ts";
import { OBJECT_ROUTES } from "./http/objects/object-routes.ts";
import { OPENAPI_ROUTES } from "./http/openapi/openapi-route.ts";
import { listenError } from "./listen-error.ts";
import type { ServiceContext } from "./service-context.ts";

const log = logFor("http");

/** Routes that both listeners have. */
export const API_ROUTES: readonly HttpRoute[] = [...HEALTH_ROUTES, ...OPENAPI_ROUTES, ...OBJECT_ROUTES];
/** Routes of the admin listener alone. */
export const ADMIN_ROUTES: readonly HttpRoute[] = [
  METRICS_ROUTE,
  ...STATS_ROUTES,
  ...JOURNAL_ROUTES,
  ...DASHBOARD_ROUTES,
];

export interface HttpListenersOptions {
  readonly config: CacheConfig;
  /** Of callers who may do everything. */
  readonly context: ServiceContext;
  readonly access: AccessControl;
  /** For addresses with `https`. */
  readonly tls: ServerTls | undefined;
}

export class HttpListeners {
  /** The URL of the admin listener, without a path. */
  admin: string | undefined;
  readonly #servers: HttpServer[] = [];
  readonly #options: HttpListenersOptions;

  constructor(options: HttpListenersOptions) {
    this.#options = options;
  }

  /** @throws {CacheError} INVALID_CONFIG if an address cannot be used. */
  async start(): Promise<void> {
    const { admin, http } = this.#options.config;
    if (admin !== undefined) {
      this.admin = await this.#listen("admin", admin, [...ADMIN_ROUTES, ...API_ROUTES]);
    }
    if (http !== undefined) await this.#listen("http", http, API_ROUTES);
  }

  /** Replaces certificate and key for new connections. */
  setTls(tls: ServerTls): void {
    for (const server of this.#servers) server.setTls(tls);
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  async #listen(key: string, address: HttpAddress, routes: readonly HttpRoute[]) {
    const { context, access, config } = this.#options;
    const { corsOrigins } = config;
    const tls = address.scheme === "https" ? this.#options.tls : undefined;
    const server = new HttpServer({ routes, context, access, corsOrigins, tls });
    try {
      const { port } = await server.listen(address.host, address.port);
      this.#servers.push(server);
      return formatHttpAddress({ ...address, port });
    } catch (error) {
      const isOptional = address.port === DEFAULT_ADMIN.port && address.host === DEFAULT_ADMIN.host;
      if (!isOptional || errnoOf(error) !== "EADDRINUSE") throw listenError(error, { key, ...address });
      log.warn("no admin listener: its port is taken; --admin names another", { ...address });
      return undefined;
    }
  }
}
