/**
 * An HTTP/1.1 server for a set of routes: the admin listener, and the listener of the HTTP API.
 *
 * It is independent of the Flight path: it has its own connections, which are few, and its own
 * limits on headers and time (open-http-server.ts), so that its clients cannot starve the others.
 * Every answer has security headers, and every failure is a problem document.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { Server as HttpsServer } from "node:https";
import type { AccessControl, Credentials } from "../../access/access-control.ts";
import { authorize } from "../../access/guarded-cache.ts";
import { THREAD_POLL } from "../../busy-poll.ts";
import { CacheError, isCacheError } from "../../errors.ts";
import { secureContextOptions } from "../../grpc/secure-context.ts";
import type { ServerTls } from "../../grpc/server-transport.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { codeOfFailure, type MethodMetrics } from "../../metrics/call-metrics.ts";
import { turnIfDue } from "../../turns.ts";
import { whileAdmin } from "../lasting-permission.ts";
import type { ServiceContext } from "../service-context.ts";
import { CrossOrigin } from "./cross-origin.ts";
import type { HttpCall, HttpRoute } from "./http-call.ts";
import { certificateOf, openHttpServer } from "./open-http-server.ts";
import { answerProblem } from "./problem.ts";
import { type FoundRoute, type NoRoute, RouteTable } from "./route-table.ts";
import { dropBody } from "./unread-body.ts";

const log = logFor("http");

export interface HttpServerOptions {
  readonly routes: readonly HttpRoute[];
  /** Of callers who may do everything. */
  readonly context: ServiceContext;
  readonly access: AccessControl;
  /** Origins of web pages that may use the routes; see cross-origin.ts. */
  readonly corsOrigins?: readonly string[];
  /** Undefined: HTTP without TLS. */
  readonly tls: ServerTls | undefined;
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
  /** One for each running call. `AbortSignal.any` with a signal of the server would keep every call. */
  readonly #running = new Set<AbortController>();
  #isClosing = false;
  /** Undefined: requests without a route. */
  readonly #metrics: Map<HttpRoute | undefined, MethodMetrics>;
  readonly #crossOrigin: CrossOrigin;

  /** @throws if certificate and key cannot be used. */
  constructor({ routes, context, access, corsOrigins = [], tls }: HttpServerOptions) {
    this.#crossOrigin = new CrossOrigin(corsOrigins);
    this.#routes = new RouteTable(routes);
    this.#context = context;
    this.#access = access;
    this.#server = openHttpServer(tls, (request, response) => void this.#answer(request, response));
    const { calls, stats } = context;
    stats.http.watch(this.#server);
    this.#metrics = new Map(routes.map((route) => [route, calls.method(`${route.method} ${route.path}`)]));
    this.#metrics.set(undefined, calls.method(NO_ROUTE));
    // Handlers end a request that stalls; this ends a connection that stalls outside of any.
    this.#server.timeout = context.transfers.idleCallMs + 5 * LIMITS.sweepIntervalMs;
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

  /** Replaces certificate and key for new connections. Without effect if it has no TLS. */
  setTls(tls: ServerTls): void {
    if (this.#server instanceof HttpsServer) this.#server.setSecureContext(secureContextOptions(tls));
  }

  /** Ends running calls and closes all connections. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const call of this.#running) call.abort(new CacheError("SHUTTING_DOWN"));
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const grace = setTimeout(() => this.#server.closeAllConnections(), LIMITS.closeGraceMs);
    await closed;
    clearTimeout(grace);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    const controller = this.#begin(response);
    const { signal } = controller;
    this.#crossOrigin.mark(request, response);
    const startedMs = performance.now();
    let metrics = this.#metrics.get(undefined);
    try {
      await turnIfDue();
      const { url, path } = parseTarget(request.url ?? "/");
      this.#crossOrigin.refuseForeignWrite(request);
      const found = this.#routes.find(request.method ?? "GET", path);
      metrics = this.#metrics.get(found.route);
      const call = { request, response, url, signal };
      const handling = () => this.#handle(found, call, controller);
      const { tracing } = this.#context;
      await (tracing === undefined ? handling() : tracing.request(call, found.route?.path, handling));
      metrics?.ended(performance.now() - startedMs, codeOfStatus(response.statusCode));
      logAnswer(request, response, startedMs);
    } catch (error) {
      if (isCacheError(error, "QUOTA_EXCEEDED")) await this.#context.quotas.delayRefusal();
      metrics?.ended(performance.now() - startedMs, codeOfFailure(error));
      if (isCacheError(error, "PERMISSION_DENIED")) {
        log.warn("call denied", { method: request.method, peer: peerOf(request), ...error.facts });
      }
      await dropBody(request, response);
      answerProblem(response, error);
      logAnswer(request, response, startedMs, error);
    }
  }

  /** The controller of a call, aborted when its peer disconnects or the server stops. */
  #begin(response: ServerResponse): AbortController {
    const call = new AbortController();
    this.#running.add(call);
    response.once("close", () => {
      this.#running.delete(call);
      call.abort(new CacheError("CANCELLED"));
      THREAD_POLL.answered();
    });
    if (this.#isClosing) call.abort(new CacheError("SHUTTING_DOWN"));
    return call;
  }

  async #handle(
    found: FoundRoute | NoRoute,
    call: Omit<HttpCall, "params" | "context">,
    controller: AbortController,
  ): Promise<void> {
    const { route } = found;
    if (route === undefined) {
      const { allowed } = found;
      if (this.#crossOrigin.answersPreflight(call.request, call.response, allowed)) return;
      refuseRoute(call.request, call.response, allowed);
    }
    const context = await this.#contextOf(route, call.request);
    const handling = route.handle({ ...call, params: found.params, context });
    if (route.isEndless !== true) return await handling;
    const caller = { access: this.#access, credentials: credentialsOf(call.request) };
    const letGo = whileAdmin(caller, (error) => controller.abort(error));
    await Promise.resolve(handling).finally(letGo);
  }

  async #contextOf({ access }: HttpRoute, request: IncomingMessage): Promise<ServiceContext> {
    if (access === "public") return this.#context;
    const presentsNothing = !this.#access.isOn || request.headers.authorization === undefined;
    if (presentsNothing) this.#crossOrigin.refuseReboundName(request);
    if (!this.#access.isOn) return this.#context;
    const identity = await this.#access.identify(credentialsOf(request));
    if (access.includes("admin")) authorize(identity, "admin", { scope: "all" });
    return this.#context.of(identity);
  }
}

function credentialsOf({ socket, headers }: IncomingMessage): Credentials {
  const address = socket.remoteAddress ?? "";
  return { address, authorization: headers.authorization, certificate: certificateOf(socket) };
}

const VISIBLE = /^[\x21-\x7e]*$/;

/**
 * The path as it was sent: a URL resolves dots and turns backslashes into slashes, which would name
 * another object. The host of a target in absolute form is ignored.
 * @throws {CacheError} INVALID_REQUEST
 */
function parseTarget(target: string): { readonly url: URL; readonly path: string } {
  const url = VISIBLE.test(target) ? URL.parse(target, "http://localhost") : null;
  if (url === null) throw new CacheError("INVALID_REQUEST", "the target of the request is not a path");
  return { url, path: target.startsWith("/") ? target.split("?", 1)[0]! : url.pathname };
}

function refuseRoute(
  { method }: IncomingMessage,
  response: ServerResponse,
  allowed: readonly string[],
): never {
  if (allowed.length === 0) {
    throw new CacheError("OBJECT_NOT_FOUND", "there is nothing at this path; objects are at /v1/objects/");
  }
  response.setHeader("allow", allowed.join(", "));
  throw new CacheError("METHOD_NOT_ALLOWED", `this path accepts ${allowed.join(", ")}, not ${method}`);
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

/** The target without its query; in absolute form, also without the host and credentials. */
function loggedPath(target = ""): string {
  return target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, "").split("?", 1)[0]!;
}

/** One debug line for each call, as over gRPC. The query is left out: it may contain credentials. */
function logAnswer(request: IncomingMessage, response: ServerResponse, startedMs: number, error?: unknown) {
  if (!log.isEnabled("debug")) return;
  log.debug("call", {
    method: request.method,
    path: loggedPath(request.url),
    peer: peerOf(request),
    status: response.statusCode,
    durationMs: Math.round((performance.now() - startedMs) * 1000) / 1000,
    ...(isCacheError(error) && { code: error.code, reason: error.message }),
  });
}
