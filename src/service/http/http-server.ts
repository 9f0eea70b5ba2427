/**
 * An HTTP/1.1 server for a set of routes: the admin listener, and the listener of the HTTP API.
 *
 * It is independent of the Flight path: it has its own connections, which are few, and its own
 * limits on headers and time, so that its clients cannot starve the others. Every answer has
 * security headers, and every failure is a problem document.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AccessControl } from "../../access/access-control.ts";
import { authorize } from "../../access/guarded-cache.ts";
import { CacheError, isCacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { codeOfFailure, type MethodMetrics } from "../../metrics/call-metrics.ts";
import type { ServiceContext } from "../service-context.ts";
import type { HttpCall, HttpRoute } from "./http-call.ts";
import { answerProblem } from "./problem.ts";
import { type FoundRoute, type NoRoute, RouteTable } from "./route-table.ts";

const log = logFor("http");

export interface HttpServerOptions {
  readonly routes: readonly HttpRoute[];
  /** Of callers who may do everything. */
  readonly context: ServiceContext;
  readonly access: AccessControl;
}

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** Counts requests for paths that do not exist: a path of the client must not become a label. */
const NO_ROUTE = "HTTP";

export class HttpServer {
  readonly #routes: RouteTable;
  readonly #context: ServiceContext;
  readonly #access: AccessControl;
  readonly #server: Server;
  readonly #stopping = new AbortController();
  /** Undefined: requests without a route. */
  readonly #metrics: Map<HttpRoute | undefined, MethodMetrics>;

  constructor({ routes, context, access }: HttpServerOptions) {
    this.#routes = new RouteTable(routes);
    this.#context = context;
    this.#access = access;
    this.#server = createServer(
      {
        maxHeaderSize: LIMITS.httpHeaderBytesMax,
        headersTimeout: LIMITS.httpHeadersTimeoutMs,
        // A body may take long; its handler ends it when nothing moves.
        requestTimeout: 0,
        keepAliveTimeout: LIMITS.httpKeepAliveMs,
        connectionsCheckingInterval: LIMITS.sweepIntervalMs,
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.maxConnections = LIMITS.httpConnectionsMax;
    const { calls, stats } = context;
    stats.http.watch(this.#server);
    this.#metrics = new Map(routes.map((route) => [route, calls.method(`${route.method} ${route.path}`)]));
    this.#metrics.set(undefined, calls.method(NO_ROUTE));
    this.#server.on("clientError", (error, socket) => {
      log.debug("connection broken", { error });
      socket.destroy();
    });
  }

  /** Port 0 picks a free port. Rejects with the system error. */
  listen(host: string, port: number): Promise<{ readonly port: number }> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        this.#server.on("error", (error) => log.error("listener failed", { host, error }));
        const address = this.#server.address();
        resolve({ port: typeof address === "object" && address !== null ? address.port : port });
      });
    });
  }

  /** Ends running calls and closes all connections. */
  async close(): Promise<void> {
    this.#stopping.abort(new CacheError("SHUTTING_DOWN"));
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const grace = setTimeout(() => this.#server.closeAllConnections(), LIMITS.closeGraceMs);
    await closed;
    clearTimeout(grace);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    const ended = new AbortController();
    const { signal: stopping } = this.#stopping;
    response.once("close", () => ended.abort(new CacheError("CANCELLED")));
    const startedMs = performance.now();
    let metrics = this.#metrics.get(undefined);
    try {
      const url = parseTarget(request.url ?? "/");
      const found = this.#routes.find(request.method ?? "GET", url.pathname);
      metrics = this.#metrics.get(found.route);
      await this.#handle(found, {
        request,
        response,
        url,
        signal: AbortSignal.any([ended.signal, stopping]),
      });
      metrics?.ended(performance.now() - startedMs, codeOfStatus(response.statusCode));
      logAnswer(request, response, startedMs);
    } catch (error) {
      metrics?.ended(performance.now() - startedMs, codeOfFailure(error));
      if (isCacheError(error, "PERMISSION_DENIED")) {
        log.warn("call denied", { method: request.method, peer: peerOf(request), ...error.facts });
      }
      answerProblem(response, error);
      logAnswer(request, response, startedMs, error);
    }
  }

  async #handle(found: FoundRoute | NoRoute, call: Omit<HttpCall, "params" | "context">): Promise<void> {
    const { route } = found;
    if (route === undefined) return refuseRoute(call.response, found.allowed);
    const context = await this.#contextOf(route, call.request);
    await route.handle({ ...call, params: found.params, context });
  }

  async #contextOf({ access }: HttpRoute, request: IncomingMessage): Promise<ServiceContext> {
    if (access === "public" || !this.#access.isOn) return this.#context;
    const identity = await this.#access.identify({
      address: request.socket.remoteAddress ?? "",
      authorization: request.headers.authorization,
      certificate: undefined,
    });
    if (access.includes("admin")) authorize(identity, "admin", { scope: "all" });
    return this.#context.of(identity);
  }
}

/** Only the path and the query count: a target may name any host. @throws {CacheError} INVALID_REQUEST */
function parseTarget(target: string): URL {
  const url = URL.parse(target, "http://localhost");
  if (url === null) throw new CacheError("INVALID_REQUEST", "the target of the request is not a path");
  return url;
}

function refuseRoute(response: ServerResponse, allowed: readonly string[]): void {
  if (allowed.length === 0) {
    throw new CacheError("OBJECT_NOT_FOUND", "there is nothing at this path; objects are at /v1/objects/");
  }
  response.setHeader("allow", allowed.join(", "));
  response.statusCode = 405;
  response.end();
}

/** The code of an answer without an error. */
function codeOfStatus(status: number): string {
  if (status < 400) return "OK";
  if (status === 404) return "OBJECT_NOT_FOUND";
  if (status < 500) return "INVALID_REQUEST";
  return status === 503 ? "SHUTTING_DOWN" : "INTERNAL";
}

function peerOf({ socket }: IncomingMessage): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

/** One debug line for each call, as over gRPC. The query is left out: it may contain credentials. */
function logAnswer(request: IncomingMessage, response: ServerResponse, startedMs: number, error?: unknown) {
  if (!log.isEnabled("debug")) return;
  log.debug("call", {
    method: request.method,
    path: request.url?.split("?", 1)[0],
    peer: peerOf(request),
    status: response.statusCode,
    durationMs: Math.round((performance.now() - startedMs) * 1000) / 1000,
    ...(isCacheError(error) && { code: error.code, reason: error.message }),
  });
}
