/**
 * Spans of calls through `@opentelemetry/api`, if the host has it: one for each call, as a child of
 * the span that the caller's headers name.
 *
 * The package is an optional peer dependency, imported once at the start. Without it no code of this
 * module runs in a call, and until the host registers an SDK, a call only asks for it. The host
 * decides which spans are recorded, where they go, and which headers carry the context (W3C
 * `traceparent` and `tracestate` by default).
 * Source: OpenTelemetry, "Semantic conventions for gRPC", "Semantic conventions for HTTP spans".
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Attributes, Span, TextMapGetter, Tracer } from "@opentelemetry/api";
import { CacheError, ERROR_TABLE } from "../errors.ts";
import type { CallHandler, CallMetadata, ServerCall } from "../grpc/call.ts";
import { addressOfPeer } from "../grpc/peer-address.ts";
import { logFor } from "../log.ts";
import { codeOfFailure } from "../metrics/call-metrics.ts";
import { BUILD_VERSION } from "./admin/build-version.ts";

type Api = typeof import("@opentelemetry/api");

/** Headers of a call. */
type Carrier = Pick<CallMetadata, "get">;

interface TracedCall {
  readonly call: ServerCall;
  readonly handler: CallHandler;
}

/** One call over HTTP. */
export interface TracedRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
}

const log = logFor("service");

const TRACER = "flame-object-cache";

/** Statuses of gRPC that are faults of the server. */
const SERVER_FAULTS: ReadonlySet<string> = new Set([
  "DEADLINE_EXCEEDED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);

const HEADERS: TextMapGetter<Carrier> = {
  get: (carrier, name) => carrier.get(name.toLowerCase()),
  // For propagators that look for prefixes; the usual ones ask for names.
  keys: () => [],
};

export class Tracing {
  readonly #api: Api;
  readonly #tracer: Tracer;

  constructor(api: Api) {
    this.#api = api;
    this.#tracer = api.trace.getTracer(TRACER, BUILD_VERSION);
  }

  /** Undefined if the host does not have the package. */
  static async load(): Promise<Tracing | undefined> {
    try {
      return new Tracing(await import("@opentelemetry/api"));
    } catch (error) {
      log.debug("no spans: @opentelemetry/api is not installed", { error });
      return undefined;
    }
  }

  /** The handler, inside a span for each call. @param path of the method */
  traced(handler: CallHandler, path: string): CallHandler {
    const method = path.slice(1);
    return (call) =>
      this.#hasProvider
        ? this.#inSpan(method, call.metadata, (span) => this.#call(span, method, { call, handler }))
        : handler(call);
  }

  async #call(span: Span, method: string, { call, handler }: TracedCall): Promise<void> {
    span.setAttributes(callAttributes(method, call));
    let status = "OK";
    try {
      await handler(call);
    } catch (error) {
      status = error instanceof CacheError ? error.status : "INTERNAL";
      this.#failed(span, error, SERVER_FAULTS.has(status));
      throw error;
    } finally {
      if (call.action !== undefined) span.setAttribute("flame_cache.action", call.action);
      span.setAttribute("rpc.response.status_code", status);
    }
  }

  /**
   * Handles a call over HTTP inside a span. @param route the pattern of its path; undefined if there
   * is none
   */
  request(call: TracedRequest, route: string | undefined, handle: () => Promise<void>): Promise<void> {
    if (!this.#hasProvider) return handle();
    const { method = "GET", headers } = call.request;
    const name = route === undefined ? method : `${method} ${route}`;
    const carrier = { get: (header: string) => headers[header]?.toString() };
    return this.#inSpan(name, carrier, async (span) => {
      span.setAttributes(requestAttributes(call, route));
      try {
        await handle();
        span.setAttribute("http.response.status_code", call.response.statusCode);
      } catch (error) {
        // The answer is written after the span has ended.
        const status = error instanceof CacheError ? ERROR_TABLE[error.code].httpStatus : 500;
        this.#failed(span, error, status >= 500);
        span.setAttribute("http.response.status_code", status);
        throw error;
      }
    });
  }

  /** False until the host registers an SDK: then spans would be made for nobody. */
  get #hasProvider(): boolean {
    const provider = this.#api.trace.getTracerProvider();
    const isProxy = provider instanceof this.#api.ProxyTracerProvider;
    return !isProxy || provider.getDelegateTracer(TRACER, BUILD_VERSION) !== undefined;
  }

  async #inSpan(name: string, headers: Carrier, run: (span: Span) => Promise<void>): Promise<void> {
    const { propagation, ROOT_CONTEXT, SpanKind } = this.#api;
    const parent = propagation.extract(ROOT_CONTEXT, headers, HEADERS);
    await this.#tracer.startActiveSpan(name, { kind: SpanKind.SERVER }, parent, async (span) => {
      try {
        await run(span);
      } finally {
        span.end();
      }
    });
  }

  /** Only faults of the server make a span of the server an error. */
  #failed(span: Span, error: unknown, isServerFault: boolean): void {
    const code = codeOfFailure(error);
    span.setAttribute("error.type", code);
    if (isServerFault) span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: code });
  }
}

function callAttributes(method: string, { peer }: ServerCall): Attributes {
  return {
    "rpc.system.name": "grpc",
    "rpc.method": method,
    "network.peer.address": addressOfPeer(peer),
    "network.peer.port": Number(peer.slice(peer.lastIndexOf(":") + 1)),
  };
}

/** Without the query, which may contain credentials. */
function requestAttributes({ request, url }: TracedRequest, route: string | undefined): Attributes {
  const { method = "GET", socket } = request;
  return {
    "http.request.method": method,
    "url.path": url.pathname,
    "url.scheme": "encrypted" in socket ? "https" : "http",
    ...(socket.remoteAddress !== undefined && { "network.peer.address": socket.remoteAddress }),
    ...(route !== undefined && { "http.route": route }),
  };
}
